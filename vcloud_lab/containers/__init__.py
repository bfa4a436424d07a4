"""Containers: images, the model kernel that runs them, and the real one."""

__all__: list[str] = []
