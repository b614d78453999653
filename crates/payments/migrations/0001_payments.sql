-- One payment of an order. Every change of a row compares `version` and counts it up.
CREATE TABLE payment (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  order_id TEXT NOT NULL,
  -- 0 once nothing of it can be paid any more, or all was given back: then the order may have another.
  is_open BIGINT NOT NULL CHECK (is_open IN (0, 1)),
  state TEXT NOT NULL,
  currency TEXT NOT NULL,
  -- Minor units, here and below.
  amount BIGINT NOT NULL CHECK (amount > 0),
  authorized BIGINT NOT NULL CHECK (authorized >= 0 AND authorized <= amount),
  captured BIGINT NOT NULL CHECK (captured >= 0 AND captured <= authorized),
  refunded BIGINT NOT NULL CHECK (refunded >= 0 AND refunded <= captured),
  -- What calls that are under way may still add to the two before.
  capturing BIGINT NOT NULL CHECK (capturing >= 0),
  refunding BIGINT NOT NULL CHECK (refunding >= 0),
  -- `at_once`, `later`.
  capture TEXT NOT NULL,
  -- 1: the provider takes no further capture.
  captures_ended BIGINT NOT NULL CHECK (captures_ended IN (0, 1)),
  -- Calls of which nobody knows what they did.
  unsure BIGINT NOT NULL CHECK (unsure >= 0),
  provider TEXT,
  attempt BIGINT NOT NULL,
  -- Keyed marks: nobody can be read from them.
  customer TEXT,
  email TEXT,
  -- Sealed: who it is for the provider, the lines, where to go back to.
  details BLOB NOT NULL,
  -- When the provider is to be asked next, in case a message was lost; and how often that was done.
  look_at BIGINT,
  looks BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX payment_open_order ON payment (order_id) WHERE is_open = 1;
CREATE INDEX payment_look ON payment (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX payment_customer ON payment (customer, created_at);
CREATE INDEX payment_order ON payment (order_id);

-- One try to pay with one provider: a checkout session, an order there.
CREATE TABLE payment_attempt (
  payment TEXT NOT NULL REFERENCES payment (id),
  number BIGINT NOT NULL,
  provider TEXT NOT NULL,
  -- The provider's object; NULL until its id is known.
  reference TEXT,
  -- The object inside that money is taken from: a payment intent, an authorization.
  inner_reference TEXT,
  -- `open`, `closed`.
  state TEXT NOT NULL,
  -- Where the buyer pays. Sealed.
  address BLOB,
  -- `usual`, `challenge`: whether 3-D Secure is asked for.
  strength TEXT NOT NULL,
  -- What did not fit, so that it is told once.
  mismatch TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (payment, number)
);
CREATE UNIQUE INDEX payment_attempt_reference ON payment_attempt (provider, reference) WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX payment_attempt_inner ON payment_attempt (provider, inner_reference) WHERE inner_reference IS NOT NULL;

-- Every call that moves something: here, durable, before it goes out.
CREATE TABLE payment_call (
  -- What the provider tells two calls apart by.
  key TEXT PRIMARY KEY,
  payment TEXT NOT NULL REFERENCES payment (id),
  attempt BIGINT NOT NULL,
  operation TEXT NOT NULL,
  provider TEXT NOT NULL,
  amount BIGINT,
  -- The provider's object that it acts on.
  target TEXT,
  -- `sent`, `unsure`, `done`, `refused`.
  state TEXT NOT NULL,
  sends BIGINT NOT NULL,
  code TEXT,
  -- The provider's object that came of it.
  outcome TEXT,
  first_sent_at BIGINT NOT NULL,
  last_sent_at BIGINT NOT NULL,
  settled_at BIGINT
);
CREATE INDEX payment_call_of ON payment_call (payment, operation);
CREATE INDEX payment_call_unsettled ON payment_call (last_sent_at) WHERE settled_at IS NULL;

CREATE TABLE payment_capture (
  provider TEXT NOT NULL,
  reference TEXT NOT NULL,
  payment TEXT NOT NULL REFERENCES payment (id),
  attempt BIGINT NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  fee BIGINT,
  -- `pending`, `done`, `failed`.
  state TEXT NOT NULL,
  -- 1: money for what was paid already.
  is_extra BIGINT NOT NULL CHECK (is_extra IN (0, 1)),
  at BIGINT NOT NULL,
  PRIMARY KEY (provider, reference)
);
CREATE INDEX payment_capture_of ON payment_capture (payment);
CREATE INDEX payment_capture_at ON payment_capture (provider, at);

CREATE TABLE payment_refund (
  provider TEXT NOT NULL,
  reference TEXT NOT NULL,
  payment TEXT NOT NULL REFERENCES payment (id),
  amount BIGINT NOT NULL CHECK (amount > 0),
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (provider, reference)
);
CREATE INDEX payment_refund_of ON payment_refund (payment);
CREATE INDEX payment_refund_at ON payment_refund (provider, at);

-- The books: lines of one entry sum to zero in one currency.
CREATE TABLE payment_posting (
  id TEXT PRIMARY KEY,
  entry TEXT NOT NULL,
  payment TEXT NOT NULL,
  -- `customer_receivable`, `provider_clearing:stripe`, `provider_clearing:paypal`, `fees`, `refunds`, `disputes`.
  account TEXT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  -- What it is for: the provider's object.
  reference TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX payment_posting_entry ON payment_posting (entry);
CREATE INDEX payment_posting_of ON payment_posting (payment);
CREATE INDEX payment_posting_account ON payment_posting (account, currency);
{{append_only payment_posting}}

-- What providers told us: kept longer than they repeat it. Only what is needed to ask them back.
CREATE TABLE payment_inbox (
  provider TEXT NOT NULL,
  event TEXT NOT NULL,
  -- PayPal's transmission: each is taken once.
  transmission TEXT,
  kind TEXT NOT NULL,
  object TEXT NOT NULL,
  payment TEXT,
  received_at BIGINT NOT NULL,
  done_at BIGINT,
  PRIMARY KEY (provider, event)
);
CREATE UNIQUE INDEX payment_inbox_transmission ON payment_inbox (provider, transmission) WHERE transmission IS NOT NULL;
CREATE INDEX payment_inbox_received ON payment_inbox (received_at);

CREATE TABLE payment_dispute (
  provider TEXT NOT NULL,
  reference TEXT NOT NULL,
  payment TEXT NOT NULL REFERENCES payment (id),
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  reason TEXT NOT NULL,
  -- `open`, `won`, `lost`.
  state TEXT NOT NULL,
  -- 1 while the provider holds the money back for it.
  is_withdrawn BIGINT NOT NULL CHECK (is_withdrawn IN (0, 1)),
  due_at BIGINT,
  opened_at BIGINT NOT NULL,
  closed_at BIGINT,
  PRIMARY KEY (provider, reference)
);
CREATE INDEX payment_dispute_of ON payment_dispute (payment);

-- Where provider, books and shop did not say the same.
CREATE TABLE payment_difference (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  day TEXT NOT NULL,
  what TEXT NOT NULL,
  reference TEXT NOT NULL,
  payment TEXT,
  there BIGINT,
  here BIGINT,
  currency TEXT,
  found_at BIGINT NOT NULL,
  settled_at BIGINT
);
CREATE UNIQUE INDEX payment_difference_once ON payment_difference (provider, what, reference);

-- News for the shop, and how each was taken.
CREATE TABLE payment_news (
  id TEXT PRIMARY KEY,
  payment TEXT NOT NULL,
  hook TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  last_code TEXT,
  last_at BIGINT,
  taken_at BIGINT
);
CREATE INDEX payment_news_of ON payment_news (payment);
CREATE INDEX payment_news_made ON payment_news (made_at);
