"""The command line: the verbs of `import mithra` as commands, with pipes, progress and exit codes."""
