"""Automatic collection: what frameworks say about their calls goes in, calls of a monitor's `Lines` come out.

How the parts fit together; the arrows are calls:

    integrations/otel.py      install(), uninstall(): finds or makes the provider, attaches, sees what its sampler drops
      └─ processor.py         one span processor: on_start, on_end; catches everything. Its table says who reads what:
           ├─ genkit_spans.py pure: Genkit's attributes, and what the numbers of its plugins mean
           ├─ gen_ai_spans.py pure: the gen_ai conventions, what tokens mean there, and who departs from them
           ├─ live_spans.py   the spans that are open, bounded; who is around whom; ends that are written before the
           │                  span ends, since a Lambda function's time is up
           ├─ span_errors.py  status and events -> one error for `Lines`
           └─ nesting.py      "is this call measured already?", for every integration

A translator is the two functions of a `vocabulary.Translator`. It is pure: names, attributes, events and status go in;
`Started` and `Ended` come out. It writes nothing, keeps nothing and knows neither monitor nor SDK. The processor
decides what is counted (outermost generation wins) and writes it through `flowemf._events.lines.Lines`, the one place
that knows how lines look.
"""
