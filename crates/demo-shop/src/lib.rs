//! demo-shop
