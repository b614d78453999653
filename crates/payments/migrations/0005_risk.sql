-- Each attempt to pay as it was judged, and what became of it: keyed marks and figures, never the values behind them.
CREATE TABLE payment_risk (
  payment TEXT NOT NULL REFERENCES payment (id),
  number BIGINT NOT NULL,
  -- Which page at the provider it is about.
  attempt BIGINT NOT NULL,
  order_id TEXT NOT NULL,
  -- JSON with a version. The engine's state is built of these anew when the program starts.
  facts TEXT NOT NULL,
  -- Keyed mark of the country that the client's network is in.
  country BIGINT,
  -- `allow`, `challenge`, `review`, `block`.
  answer TEXT NOT NULL,
  -- 1: an earlier refusal of the order still stood.
  is_held BIGINT NOT NULL CHECK (is_held IN (0, 1)),
  score DOUBLE PRECISION,
  challenger DOUBLE PRECISION,
  -- JSON with a version: what fired, what weighed.
  decision TEXT NOT NULL,
  -- The provider's charge whose card is in the facts.
  charge TEXT,
  -- `approved`, `declined`, `blocked`.
  outcome TEXT,
  outcome_at BIGINT,
  -- `good`, `fraud`; `dispute`, `refund`, `review`.
  truth TEXT,
  source TEXT,
  known_at BIGINT,
  judged_at BIGINT NOT NULL,
  PRIMARY KEY (payment, number)
);
CREATE INDEX payment_risk_at ON payment_risk (judged_at);
CREATE INDEX payment_risk_order ON payment_risk (order_id, judged_at);

-- What the shop said of an order beside its amount, as keyed marks.
CREATE TABLE payment_order_facts (
  payment TEXT PRIMARY KEY REFERENCES payment (id),
  shipping BIGINT,
  product BIGINT,
  coupon BIGINT,
  -- NULL where the shop did not say.
  is_express BIGINT CHECK (is_express IN (0, 1)),
  is_first_order_coupon BIGINT CHECK (is_first_order_coupon IN (0, 1))
);
CREATE INDEX payment_order_facts_shipping ON payment_order_facts (shipping) WHERE shipping IS NOT NULL;

-- Payments that are taken only after somebody, or the card, was looked at.
CREATE TABLE payment_review (
  payment TEXT PRIMARY KEY REFERENCES payment (id),
  -- `passing` (until the card is known), `waiting` (for the buyer), `open`, `passed`, `approved`, `declined`, `expired`, `withdrawn`.
  state TEXT NOT NULL,
  -- 1: the shop wanted it taken at once, so whoever lets it through takes it.
  takes BIGINT NOT NULL CHECK (takes IN (0, 1)),
  -- 1 while what follows from the decision is not done.
  is_owed BIGINT NOT NULL CHECK (is_owed IN (0, 1)),
  opened_at BIGINT,
  due_at BIGINT,
  closed_at BIGINT
);
CREATE INDEX payment_review_state ON payment_review (state, due_at);
CREATE INDEX payment_review_owed ON payment_review (is_owed) WHERE is_owed = 1;

-- Rules as the shop has them; one that is not here has the defaults and is only watched.
CREATE TABLE payment_rule (
  rule TEXT PRIMARY KEY,
  mode TEXT NOT NULL,
  -- JSON.
  limits TEXT NOT NULL,
  answer TEXT NOT NULL,
  changed_at BIGINT NOT NULL
);

-- Scorers that were learned of the shop's own past.
CREATE TABLE payment_scorer (
  id TEXT PRIMARY KEY,
  -- `challenger`, `champion`, `retired`.
  place TEXT NOT NULL,
  -- `off`, `observe`, `active`.
  mode TEXT NOT NULL,
  model TEXT NOT NULL,
  -- Keyed hash of the model: one that was made elsewhere is refused.
  tag TEXT NOT NULL,
  -- JSON: how it did on weeks that it had not seen.
  trial TEXT NOT NULL,
  made_at BIGINT NOT NULL
);
