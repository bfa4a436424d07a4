"""Virtual machines: program -> hardware -> machine -> hypervisor."""
