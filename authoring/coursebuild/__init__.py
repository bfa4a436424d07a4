"""Reads the authored text, makes notebooks and task modules of it, executes and compares them.

source    a percent script -> cells, with the rules of the format
notebook  cells -> an unexecuted notebook
tasks     the task cells of one file -> a module of vcloud_lab.check.tasks
execute   runs notebooks in a clean environment and normalises their outputs
verdicts  what the checks said: correct in solutions, not attempted in exercises
leaks     what an exercise notebook gives away
course    all of it together, in memory; then written at once
compare   a fresh build against the files of the working tree, in words
"""
