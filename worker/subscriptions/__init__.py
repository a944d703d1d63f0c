"""How a desk hears that there is something to do: one interface, by Pub/Sub or by long poll, as the server says."""
