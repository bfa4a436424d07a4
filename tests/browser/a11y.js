// The accessibility rules that the course promises, as one function of a list of elements.
// It returns a sentence for each fault in or below them. Charts must have been in the window.
(roots) => {
  const faults = [];
  const report = (rule, element, words) => faults.push(`${rule}: ${where(element)}: ${words}`);

  const where = (element) => {
    const classes = [...element.classList].slice(0, 3).map((name) => "." + name).join("");
    const words = (element.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40);
    const near = element.closest(".widget-box")?.textContent.trim().slice(0, 20);
    const said = words ? ` "${words}"` : near ? ` beside "${near}"` : "";
    return `<${element.tagName.toLowerCase()}${classes}>${said}`;
  };

  // What lies outside of the window is skipped by the browser (content-visibility), but it is
  // there; what the styles hide is not.
  const shown = (element) =>
    element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true }) &&
    element.getClientRects().length > 0;

  const referred = (ids) =>
    (ids || "").split(/\s+/).map((id) => document.getElementById(id)?.textContent || "").join(" ");
  const labels = (element) =>
    [...(element.labels || [])].filter(shown).map((label) => label.textContent).join(" ");

  // The first source that gives a name, in the order of the "accessible name" specification.
  const nameOf = (element) =>
    [
      referred(element.getAttribute("aria-labelledby")),
      element.getAttribute("aria-label"),
      labels(element),
      element.getAttribute("alt"),
      element.querySelector(":scope > title")?.textContent,
      element.matches("button,a,[role=button],summary") ? element.textContent : "",
      element.getAttribute("title"),
    ].map((text) => (text || "").replace(/[\s\u200b]+/g, " ").trim()).find(Boolean) || "";

  const names = (root) => {
    const controls =
      "button,input,select,textarea,summary,a[href],[role=slider],[role=button]," +
      "[contenteditable=true],[tabindex]:not([tabindex='-1'])";
    for (const control of root.querySelectorAll(controls))
      if (shown(control) && !nameOf(control))
        report("name", control, "it can be focused and has no accessible name");
  };

  const pictures = (root) => {
    const all = [root, ...root.querySelectorAll("*")];
    for (const svg of all.filter((each) => each.matches("svg.vcl, .vcloud-explorer svg"))) {
      if (svg.getAttribute("role") !== "img") report("picture", svg, "it has no role=img");
      if (!nameOf(svg)) report("picture", svg, "it has no accessible name");
    }
    // Plotly draws its SVG without a role, and a notebook cannot add one: its title must say it.
    for (const plot of all.filter((each) => each.matches(".js-plotly-plot")))
      if (!/\p{L}{3,} .*\p{L}{3,}/u.test(plot.querySelector(".gtitle")?.textContent || ""))
        report("picture", plot, "no sentence in its title says what it shows");
  };

  const tables = (root) => {
    for (const table of root.querySelectorAll("table")) {
      if (!table.caption?.textContent.trim() && !nameOf(table))
        report("table", table, "it has no caption and no other name");
      const heads = [...table.querySelectorAll("th")];
      if (!heads.length) report("table", table, "it has no header cell");
      for (const head of heads)
        if (!["col", "row", "colgroup", "rowgroup"].includes(head.scope))
          report("table", head, "the header cell has no scope");
    }
  };

  // Colours as [red, green, blue, alpha]; one canvas pixel reads every notation.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const cache = new Map();
  const parse = (colour) => {
    if (!cache.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = "transparent";
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      cache.set(colour, [r, g, b, a / 255]);
    }
    return cache.get(colour);
  };
  const over = (top, below) => {
    const mix = (at) => top[at] * top[3] + below[at] * (1 - top[3]);
    return [mix(0), mix(1), mix(2), top[3] + below[3] * (1 - top[3])];
  };
  const faded = (colour, part) => [colour[0], colour[1], colour[2], colour[3] * part];
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const opacity = (element, stop) => {
    let part = 1;
    for (let at = element; at && at !== stop; at = at.parentElement)
      part *= parseFloat(getComputedStyle(at).opacity);
    return part;
  };

  // What is painted behind an element, from the page upwards.
  const ground = (element) => {
    const chain = [];
    for (let at = element; at; at = at.parentElement) chain.unshift(at);
    return chain.reduce(
      (below, at) => over(parse(getComputedStyle(at).backgroundColor), below),
      [255, 255, 255, 1],
    );
  };

  // Behind a text in an SVG lie, besides, the shapes drawn before it, and whole drawings below its
  // own. (Of a pattern only its ground counts: hatches are thinner than a letter's stroke.)
  const painted = "svg,rect,path,polygon,circle,ellipse";
  const stages = new Map();
  const behind = (text) => {
    const outermost = [...ancestors(text)].filter((each) => each.matches("svg")).pop();
    const stage = text.closest(".svg-container") || outermost;
    if (!stages.has(stage)) {
      const found = [...stage.querySelectorAll(painted)].filter(
        (each) => !each.closest("defs,clipPath,pattern,marker,.modebar-container"));
      stages.set(stage, found.map((shape) => ({ shape, box: shape.getBoundingClientRect() })));
    }
    const box = text.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    let below = ground(stage);
    for (const { shape, box: area } of stages.get(stage)) {
      if (x < area.left || x > area.right || y < area.top || y > area.bottom) continue;
      if (!(shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING)) continue;
      const style = getComputedStyle(shape);
      if (shape.matches("svg")) {
        below = over(parse(style.backgroundColor), below);
        continue;
      }
      if (style.visibility === "hidden") continue;
      const fill = style.fill.startsWith("url") ? groundOf(style.fill) : style.fill;
      if (fill === "none") continue;
      const point = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse());
      if (!shape.isPointInFill(point)) continue;
      const part = parseFloat(style.fillOpacity) * opacity(shape, stage);
      below = over(faded(parse(fill), part), below);
    }
    return below;
  };
  // What a pattern is drawn upon: the rectangle that comes first in it.
  const groundOf = (url) => {
    const id = /#([^"')]+)/.exec(url)?.[1];
    const first = id && document.getElementById(id)?.querySelector("rect");
    return first ? getComputedStyle(first).fill : "none";
  };
  const ancestors = function* (element) {
    for (let at = element; at; at = at.parentElement) yield at;
  };

  const colours = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const seen = new Set();
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!walker.currentNode.nodeValue.trim() || seen.has(element)) continue;
      seen.add(element);
      if (element.closest("style,script,title,desc,defs,option") || !shown(element)) continue;
      if (element.disabled || element.closest("[disabled]")) continue;
      const style = getComputedStyle(element);
      const drawn = element.closest("text");
      const below = drawn ? behind(drawn) : ground(element);
      const ink = faded(parse(drawn ? style.fill : style.color), opacity(element, null));
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
      const ratio = contrast(over(ink, below), below);
      if (ratio < (large ? 3 : 4.5))
        report("contrast", element, `${ratio.toFixed(2)} is less than ${large ? 3 : 4.5}`);
    }
  };

  // Text of a chart must be read: not upon other text, not cut by the edge of its cell or chart.
  const edges = (text, svg) => {
    const found = [svg.getBoundingClientRect()];
    for (const at of ancestors(text)) {
      const id = /url\(["']?#(.+?)["']?\)/.exec(at.getAttribute("clip-path") || "");
      const clip = id && document.getElementById(id[1])?.querySelector("rect");
      if (!clip || at === svg) continue;
      const [w, h] = [clip.width.baseVal.value, clip.height.baseVal.value];
      const [x, y] = [clip.x.baseVal.value, clip.y.baseVal.value];
      const matrix = at.getScreenCTM();
      const [low, high] = [new DOMPoint(x, y), new DOMPoint(x + w, y + h)].map((point) =>
        point.matrixTransform(matrix));
      found.push({ left: low.x, top: low.y, right: high.x, bottom: high.y });
    }
    return found;
  };
  const layout = (root) => {
    for (const chart of [root, ...root.querySelectorAll(".js-plotly-plot, svg.vcl")]) {
      if (!chart.matches(".js-plotly-plot, svg.vcl")) continue;
      const texts = [...chart.querySelectorAll("text")].filter(
        (text) => text.textContent.trim() && shown(text) && !text.closest("defs,.hoverlayer"));
      const boxes = texts.map((text) => text.getBoundingClientRect());
      texts.forEach((text, at) => {
        const box = boxes[at];
        for (const edge of edges(text, text.ownerSVGElement)) {
          const past = Math.max(edge.left - box.left, box.right - edge.right,
            edge.top - box.top, box.bottom - edge.bottom);
          if (past > 3) { report("cut", text, `${past.toFixed(0)} pixels are cut off`); break; }
        }
        for (let other = at + 1; other < texts.length; other++) {
          const [one, two] = [box, boxes[other]];
          const wide = Math.min(one.right, two.right) - Math.max(one.left, two.left);
          const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
          if (wide > 2 && high > 4)
            report("overlap", text, `${wide.toFixed(0)} by ${high.toFixed(0)} pixels of it lie `
              + `on ${where(texts[other])}`);
        }
      });
    }
  };

  const outer = roots.filter((root) => !roots.some((other) => other !== root && other.contains(root)));
  for (const root of outer) for (const rule of [names, pictures, tables, colours, layout]) rule(root);
  return [...new Set(faults)];
}
