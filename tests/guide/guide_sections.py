"""The guide "CloudWatch Monitoring Setup" that users come from: its sections, and its examples as they are printed.

Nothing goes in; texts come out. The guide is written for the Go plugin; what it says by hand has a counterpart here,
and a test of each section runs it.
"""

from __future__ import annotations

SECTIONS = (
    "Basic Setup",
    "Configuration Options",
    "Available Metrics",
    "Viewing Metrics in AWS Console",
    "Advanced Configuration",
    "CloudWatch Alarms",
    "Cost Monitoring",
    "Troubleshooting",
    "Integration with Other Tools",
    "Security Best Practices",
    "Performance Tips",
)
"""The headings of the second level."""

NAMESPACE = "MyApp/GenKit"

TOP_MODELS_BY_USAGE = """\
-- Top models by usage
SELECT ModelID, SUM(TokensUsed) as TotalTokens
FROM METRICS 
WHERE MetricName = 'TokensUsed' 
GROUP BY ModelID 
ORDER BY TotalTokens DESC;
"""  # noqa: W291

ERROR_RATE_BY_FLOW = """\
-- Error rate by flow
SELECT FlowName, 
       SUM(FlowError) as Errors,
       SUM(FlowCompleted) as Success,
       (SUM(FlowError) / (SUM(FlowError) + SUM(FlowCompleted))) * 100 as ErrorRate
FROM METRICS 
GROUP BY FlowName;
"""  # noqa: W291

USAGE_ANALYTICS_QUERIES = f"{TOP_MODELS_BY_USAGE}\n{ERROR_RATE_BY_FLOW}"
"""The whole block under "Usage Analytics Queries"."""

DASHBOARD = """\
{
  "widgets": [
    {
      "type": "metric",
      "properties": {
        "metrics": [
          ["MyApp/GenKit", "FlowCompleted", "FlowName", "chatFlow"],
          [".", "FlowError", ".", "."]
        ],
        "period": 300,
        "stat": "Sum",
        "region": "us-east-1",
        "title": "Flow Success/Error Rate"
      }
    }
  ]
}
"""

HIGH_ERROR_RATE_ALARM = """\
aws cloudwatch put-metric-alarm \\
  --alarm-name "GenKit-High-Error-Rate" \\
  --alarm-description "GenKit flow error rate > 5%" \\
  --metric-name "FlowError" \\
  --namespace "MyApp/GenKit" \\
  --statistic "Sum" \\
  --period 300 \\
  --evaluation-periods 2 \\
  --threshold 5 \\
  --comparison-operator "GreaterThanThreshold"
"""

HIGH_TOKEN_USAGE_ALARM = """\
aws cloudwatch put-metric-alarm \\
  --alarm-name "GenKit-High-Token-Usage" \\
  --alarm-description "Token usage exceeds budget" \\
  --metric-name "TokensUsed" \\
  --namespace "MyApp/GenKit" \\
  --statistic "Sum" \\
  --period 3600 \\
  --evaluation-periods 1 \\
  --threshold 1000000 \\
  --comparison-operator "GreaterThanThreshold"
"""

GRAFANA = """\
{
  "dashboard": {
    "title": "GenKit AWS Metrics",
    "panels": [
      {
        "title": "Generation Success Rate",
        "targets": [
          {
            "namespace": "MyApp/GenKit",
            "metricName": "FlowCompleted",
            "dimensions": {"Status": "Success"}
          }
        ]
      }
    ]
  }
}
"""

MINIMAL_POLICY = """\
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "cloudwatch:PutMetricData"
      ],
      "Resource": "*",
      "Condition": {
        "StringEquals": {
          "cloudwatch:namespace": "MyApp/GenKit"
        }
      }
    }
  ]
}
"""
