-- Addresses that an account showed to read before it gave them to a shop that names people by theirs: whoever signs in at the shop under one of
-- them is asked for what that account has. `sent_at`: the form went to the shop, and nothing has shown since that it did not take the address.
CREATE TABLE customer_shop_name (
  customer TEXT NOT NULL REFERENCES customer_account (id),
  mark TEXT NOT NULL,
  at BIGINT NOT NULL,
  sent_at BIGINT,
  PRIMARY KEY (customer, mark)
);
CREATE INDEX customer_shop_name_mark ON customer_shop_name (mark);
