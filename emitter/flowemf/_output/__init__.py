"""How whole lines get out: sinks, targets, the background thread, and what happens at exit, signals and forks."""
