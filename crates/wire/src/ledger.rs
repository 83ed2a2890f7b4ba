//! The ledger of money, as admins see it.

use serde::{Deserialize, Serialize};
use types::{OrderId, PaymentId};
use utoipa::ToSchema;

use crate::list::Pagination;

/// One side of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerLine {
    /// `provider`, `provider_fees`, `sales`, `refunds`, `unmatched`, `disputed` or `fees`.
    pub account: String,
    /// In major units, such as `19.99`; null where it is a credit.
    pub debit: Option<String>,
    /// In major units; null where it is a debit.
    pub credit: Option<String>,
}

/// What happened to money, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// Its id; later entries have larger ones.
    pub id: i64,
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// `captured`, `mismatched`, `accepted`, `refunded`, `refund_returned`, `withdrawn` or `reinstated`.
    pub fact: String,
    /// The provider's object that it is about: an intent, a refund, a dispute.
    pub object_id: String,
    /// ISO 4217, of all lines.
    pub currency: String,
    /// Debits first. Their sum is that of the credits.
    pub lines: Vec<LedgerLine>,
    /// When it was posted, RFC 3339.
    pub at: String,
}

/// A page of entries, the latest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LedgerList {
    /// The entries.
    pub entries: Vec<LedgerEntry>,
    /// Where the page stands.
    pub pagination: Pagination,
}
