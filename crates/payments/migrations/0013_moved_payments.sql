-- Payments that brought money, by their last change: which of them is of an order that the shop does not know.
CREATE INDEX payment_moved ON payment (updated_at, id) WHERE captured > refunded;
