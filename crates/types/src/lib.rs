//! The values that every part of the shop shares: ids, money, quantities, e-mail addresses, roles and time.
//!
//! A value that exists was checked: each type is made by a constructor that refuses what is not one.
//! Nothing here does I/O.

mod card_number;
mod clock;
mod decimal;
mod email;
mod id;
mod money;
mod page;
mod quantity;
mod role;
mod rounding;

pub use card_number::holds_card_number;
pub use clock::{Clock, SystemClock, TestClock, rfc3339};
pub use decimal::{BadAmount, DecimalText};
pub use email::{BadEmail, Email};
pub use id::{BadId, CategoryId, OrderId, OrderLineId, PaymentId, ProductId, RefundId, UserId};
pub use money::{BadCurrency, Currency, Money, MoneyError};
pub use page::{BadPage, Page};
pub use quantity::{BadQuantity, Quantity};
pub use role::{Actor, BadRole, Role};
pub use rounding::{BadRounding, Rounding};
