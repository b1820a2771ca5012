"""The one process that owns TensorFlow: a client in the server, a loop in the child process, and the jobs."""
