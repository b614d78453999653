-- Where certificates of PayPal's lie that signed a message: they are asked for apart from what strangers name, over a start, too.
CREATE TABLE payment_certificate (
  address TEXT PRIMARY KEY,
  believed_at BIGINT NOT NULL
);
