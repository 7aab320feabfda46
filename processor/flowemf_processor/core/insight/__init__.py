"""What is to be learned from the metrics of a log: panels, questions, dashboards, alarms, costs; all of it pure."""
