"""Which process is it, is it alive, why did it end: facts of /proc and the kernel, and nothing is changed."""
