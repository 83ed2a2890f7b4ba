//! Four migrated databases.

use pg::testing::TestDb;

/// One database a service, gone with this value.
pub struct Databases {
    /// user-service's.
    pub user: TestDb,
    /// product-service's.
    pub product: TestDb,
    /// order-service's.
    pub order: TestDb,
    /// payment-service's.
    pub payment: TestDb,
}

impl Databases {
    /// New ones.
    ///
    /// # Panics
    /// No server can be started.
    pub async fn create() -> Self {
        let user = TestDb::create("shop-user", async |pool| {
            user_service::migrate(pool)
                .await
                .expect("user-service's migrations");
        });
        let product = TestDb::create("shop-product", async |pool| {
            product_service::migrate(pool)
                .await
                .expect("product-service's migrations");
        });
        let order = TestDb::create("shop-order", async |pool| {
            order_service::migrate(pool)
                .await
                .expect("order-service's migrations");
        });
        let payment = TestDb::create("shop-payment", async |pool| {
            payment_service::migrate(pool)
                .await
                .expect("payment-service's migrations");
        });
        let (user, product, order, payment) = futures::join!(user, product, order, payment);
        Self {
            user,
            product,
            order,
            payment,
        }
    }

    /// Where they are.
    #[must_use]
    pub fn urls(&self) -> souk::shop::Databases {
        souk::shop::Databases {
            user: self.user.url.clone(),
            product: self.product.url.clone(),
            order: self.order.url.clone(),
            payment: self.payment.url.clone(),
        }
    }
}
