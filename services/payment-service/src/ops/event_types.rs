//! Types of the provider's events, and what they are about.

/// The types of events that something is learnt from: what the shop's webhook endpoint is to be told of.
pub const EVENT_TYPES: &[&str] = &[
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "charge.refunded",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
];

/// What the events of a kind are about.
#[derive(Clone, Copy)]
pub(super) enum About {
    Intent,
    Refund,
    Refunded,
    Dispute,
}

impl About {
    /// Nothing if they do not concern us.
    pub(super) fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            // Nothing needs to be learnt: whoever made it has written down that it is being made, and finds out.
            "payment_intent.created" => return None,
            "charge.refunded" => Self::Refunded,
            "charge.refund.updated" => Self::Refund,
            _ if kind.starts_with("payment_intent.") => Self::Intent,
            _ if kind.starts_with("refund.") => Self::Refund,
            _ if kind.starts_with("charge.dispute.") => Self::Dispute,
            _ => return None,
        })
    }
}

/// Whether events of this kind have to be worked off.
#[must_use]
pub fn says_something(kind: &str) -> bool {
    About::of(kind).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_that_an_endpoint_is_told_of_says_something_and_the_guide_lists_them() {
        let guide = include_str!("../../../../docs/services/payment-service.md");
        let (_, guide) = guide.split_once("of these types:").unwrap();
        let (listed, _) = guide.split_once(".\n").unwrap();
        let words: Vec<&str> = listed.split('`').collect();
        let listed: Vec<&str> = words.into_iter().skip(1).step_by(2).collect();
        assert_eq!(listed, EVENT_TYPES);
        assert!(EVENT_TYPES.iter().all(|kind| says_something(kind)));
        for kind in ["payment_intent.created", "charge.succeeded", "charge.failed"] {
            assert!(!says_something(kind), "{kind}");
        }
    }
}
