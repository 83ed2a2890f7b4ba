//! product-service
