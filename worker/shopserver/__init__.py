"""A small shop of our own: the seed's customer API over HTTP, for teams without such a shop, the demo and the tests.

`store.ShopStore` holds its data, `app.create_app` serves it, `serving.serve` runs it in a thread (extra `demo`).

Its answers have the shape of a real shop's. Where a real shop is careless, this one is strict:

- Every limit and requirement of the seed is checked; nothing is cut, converted, dropped or silently ignored, and every refusal
  is a JSON:API error with status, title, detail and source. Lists are carried out as a whole or not at all.
- `include` chooses what is listed. A relation that is named by id needs no include: a write takes effect or is an error.
- Nobody is created by writing without credentials (401). GET customer without credentials says that nobody is logged in
  (id null); the relations of nobody are 401, not an empty list.
- What belongs to another customer is 404. A relation's domain, refid, id and times can't be changed by a client.
- Inactive and expired relations stay visible to their owner, who can change them back.
- Relations tell `customer.lists.ctime` and `customer.lists.mtime`, naive in the shop's zone like all dates.

tests/shopserver/test_shopserver_recordings.py lists every difference to recorded answers.
"""
