//! What becomes of an order, from the side of whoever buys, pays, sells or wants money back.

/// What happens after ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Pays.
    Pay,
    /// Is declined, and pays with another card.
    DeclineThenPay,
    /// Is declined, and leaves.
    Decline,
    /// Cancels before paying.
    Cancel,
    /// Pays, and cancels.
    PayAndCancel,
    /// Pays, and an admin refunds all.
    PayAndRefund,
    /// Pays, and an admin refunds a part.
    PayAndRefundPart,
    /// Leaves; the order expires.
    Leave,
    /// Passes 3-D Secure, and has paid.
    Secure,
    /// Does not pass 3-D Secure, and pays with another card.
    SecureFails,
    /// Leaves in the middle of 3-D Secure.
    SecureLeft,
    /// Cancels, and the money arrives all the same: Stripe would not cancel just then.
    CancelThenPay,
    /// Somebody cancels the intent in Stripe's dashboard.
    CancelledAtStripe,
    /// Pays, and all goes back in Stripe's dashboard.
    Dashboard,
    /// Pays, and two parts go back in Stripe's dashboard.
    DashboardParts,
    /// Pays, and an admin refunds a part, which is pending at first.
    RefundPends,
    /// Pays, and an admin refunds a part, or all, which comes back.
    RefundFails,
    /// Pays, and the seller ships.
    Ship,
    /// Pays, and a bank takes the money for its customer; the dispute is won, or lost.
    Disputed,
    /// Pays with a card whose bank disputes by itself, and that does not end.
    DisputedOpen,
    /// Pays, and a bank asks; it lets the matter rest, or takes the money and keeps it.
    Inquiry,
    /// Pays, disputes at the bank and cancels here; the dispute is won, or lost.
    DisputedAndCancelled,
}

impl Ending {
    /// All of them, with how many in a hundred orders end so.
    pub const ALL: [(u32, Self); 22] = [
        (36, Self::Pay),
        (6, Self::DeclineThenPay),
        (4, Self::Decline),
        (5, Self::Cancel),
        (5, Self::PayAndCancel),
        (4, Self::PayAndRefund),
        (3, Self::PayAndRefundPart),
        (5, Self::Leave),
        (3, Self::Secure),
        (2, Self::SecureFails),
        (2, Self::SecureLeft),
        (3, Self::CancelThenPay),
        (2, Self::CancelledAtStripe),
        (2, Self::Dashboard),
        (2, Self::DashboardParts),
        (2, Self::RefundPends),
        (2, Self::RefundFails),
        (3, Self::Ship),
        (3, Self::Disputed),
        (2, Self::DisputedOpen),
        (2, Self::Inquiry),
        (2, Self::DisputedAndCancelled),
    ];
}

/// One order, from the buyer's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// Which account.
    pub buyer: u32,
    /// Which product.
    pub product: u32,
    /// How many.
    pub quantity: u32,
    /// And then.
    pub ending: Ending,
    /// Decides where an ending can go two ways.
    pub heads: bool,
    /// Sends the order again with the same key once it was answered.
    pub again: bool,
}
