"""The run protocol: plan, execute on Ray or in this process, report."""
