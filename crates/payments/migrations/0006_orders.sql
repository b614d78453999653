-- What the shop says of its orders, to be held against payments.
CREATE TABLE payment_shop_order (
  order_id TEXT PRIMARY KEY,
  currency TEXT NOT NULL,
  -- Minor units, here and below.
  amount BIGINT NOT NULL CHECK (amount >= 0),
  -- `open`, `paid`, `refunded`, `cancelled`.
  state TEXT NOT NULL,
  -- What the shop says it gave back; NULL where it does not say.
  refunded BIGINT,
  -- 1: it is to be paid in another way than through Storeward.
  is_elsewhere BIGINT NOT NULL CHECK (is_elsewhere IN (0, 1)),
  -- Who says so: `program`, or the kind of shop whose database is read.
  source TEXT NOT NULL,
  -- Since when it is so, as the shop says.
  at BIGINT NOT NULL,
  told_at BIGINT NOT NULL,
  -- When it is to be compared next; NULL where nothing changed since.
  check_at BIGINT
);
CREATE INDEX payment_shop_order_check ON payment_shop_order (check_at) WHERE check_at IS NOT NULL;

-- How far the reading of a shop's database is.
CREATE TABLE payment_shop_source (
  source TEXT PRIMARY KEY,
  -- When the last reading that came to its end began.
  read_at BIGINT NOT NULL
);
