//! The test cards: Stripe's `pm_card_…` names, and what an attempt with each comes to.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A no of the card's bank.
#[derive(Debug)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    pub(crate) decline_code: Option<&'static str>,
    pub(crate) message: &'static str,
}

/// What an attempt with a card comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Succeeds,
    Declines(&'static Decline),
    /// 3-D Secure first; then it succeeds, or declines all the same.
    Authenticates(Option<&'static Decline>),
}

/// What follows a payment that succeeded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After {
    Nothing,
    /// Its holder disputes it.
    Dispute {
        reason: &'static str,
        inquiry: bool,
    },
    /// A refund of it is pending first.
    RefundPends,
    /// A refund of it comes back.
    RefundFails,
}

#[derive(Debug)]
struct Spec {
    token: &'static str,
    brand: &'static str,
    last4: &'static str,
    funding: &'static str,
    country: &'static str,
    outcome: Outcome,
    after: After,
}

/// One of the test cards; in the journal, its `pm_card_…` name.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Card(&'static Spec);

impl Card {
    /// The card called `token`.
    pub(crate) fn named(token: &str) -> Option<Self> {
        CARDS.iter().find(|c| c.token == token).map(Self)
    }

    /// What an attempt with it comes to.
    pub(crate) fn outcome(self) -> Outcome {
        self.0.outcome
    }

    /// What follows its payments.
    pub(crate) fn after(self) -> After {
        self.0.after
    }

    /// Such as `visa`.
    pub(crate) fn brand(self) -> &'static str {
        self.0.brand
    }

    /// As `payment_method.card` shows it.
    pub(crate) fn render(self) -> Value {
        json!({
            "brand": self.0.brand,
            "checks": {
                "address_line1_check": null,
                "address_postal_code_check": null,
                "cvc_check": self.cvc_check(),
            },
            "country": self.0.country,
            "display_brand": self.0.brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": format!("sandbox{:0>9}", self.0.last4),
            "funding": self.0.funding,
            "last4": self.0.last4,
            "networks": {"available": [self.0.brand], "preferred": null},
            "three_d_secure_usage": {"supported": true},
            "wallet": null,
        })
    }

    /// As `charge.payment_method_details.card` shows it.
    pub(crate) fn details(self, amount: i64, authorized: bool, authenticated: bool) -> Value {
        let three_d_secure = authenticated.then(|| {
            json!({
                "authentication_flow": "challenge", "electronic_commerce_indicator": "05",
                "exemption_indicator": null, "result": "authenticated", "result_reason": null,
                "transaction_id": null, "version": "2.2.0",
            })
        });
        json!({
            "amount_authorized": authorized.then_some(amount),
            "authorization_code": null,
            "brand": self.0.brand,
            "checks": {
                "address_line1_check": null,
                "address_postal_code_check": null,
                "cvc_check": self.cvc_check(),
            },
            "country": self.0.country,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": format!("sandbox{:0>9}", self.0.last4),
            "funding": self.0.funding,
            "installments": null,
            "last4": self.0.last4,
            "mandate": null,
            "network": self.0.brand,
            "network_token": {"used": false},
            "network_transaction_id": null,
            "regulated_status": "unregulated",
            "three_d_secure": three_d_secure,
            "wallet": null,
        })
    }

    fn cvc_check(self) -> &'static str {
        match self.0.outcome {
            Outcome::Declines(d) if d.code == "incorrect_cvc" => "fail",
            Outcome::Succeeds | Outcome::Declines(_) | Outcome::Authenticates(_) => "pass",
        }
    }
}

impl TryFrom<String> for Card {
    type Error = String;
    fn try_from(token: String) -> Result<Self, String> {
        Self::named(&token).ok_or_else(|| format!("there is no card {token}"))
    }
}

impl From<Card> for String {
    fn from(card: Card) -> Self {
        card.0.token.to_owned()
    }
}

const fn declined(decline_code: &'static str) -> Decline {
    Decline {
        code: "card_declined",
        decline_code: Some(decline_code),
        message: "Your card was declined.",
    }
}

static GENERIC: Decline = declined("generic_decline");
static LOST: Decline = declined("lost_card");
static STOLEN: Decline = declined("stolen_card");
static FRAUDULENT: Decline = declined("fraudulent");
static VELOCITY: Decline = Decline {
    message: "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    ..declined("card_velocity_exceeded")
};
static FUNDS: Decline = Decline {
    message: "Your card has insufficient funds.",
    ..declined("insufficient_funds")
};
static EXPIRED: Decline = Decline {
    code: "expired_card",
    decline_code: Some("expired_card"),
    message: "Your card has expired.",
};
static CVC: Decline = Decline {
    code: "incorrect_cvc",
    decline_code: Some("incorrect_cvc"),
    message: "Your card's security code is incorrect.",
};
static PROCESSING: Decline = Decline {
    code: "processing_error",
    decline_code: Some("processing_error"),
    message: "An error occurred while processing your card. Try again in a little bit.",
};

/// The card asks for 3-D Secure and nobody is there to pass it.
pub(crate) static AUTHENTICATION_REQUIRED: Decline = Decline {
    code: "authentication_required",
    decline_code: Some("authentication_required"),
    message: "Your card was declined. This transaction requires authentication.",
};

/// The card holder did not pass 3-D Secure.
pub(crate) static AUTHENTICATION_FAILED: Decline = Decline {
    code: "payment_intent_authentication_failure",
    decline_code: None,
    message: "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new \
              PaymentMethod to attempt to fulfill this PaymentIntent again.",
};

const fn card(token: &'static str, brand: &'static str, last4: &'static str, outcome: Outcome) -> Spec {
    Spec {
        token,
        brand,
        last4,
        funding: "credit",
        country: "US",
        outcome,
        after: After::Nothing,
    }
}

const fn debit(token: &'static str, brand: &'static str, last4: &'static str, funding: &'static str) -> Spec {
    Spec {
        funding,
        ..card(token, brand, last4, Outcome::Succeeds)
    }
}

const fn of(token: &'static str, country: &'static str, last4: &'static str) -> Spec {
    Spec {
        country,
        ..card(token, "visa", last4, Outcome::Succeeds)
    }
}

const fn no(token: &'static str, last4: &'static str, decline: &'static Decline) -> Spec {
    card(token, "visa", last4, Outcome::Declines(decline))
}

const fn then(token: &'static str, last4: &'static str, after: After) -> Spec {
    Spec {
        after,
        ..card(token, "visa", last4, Outcome::Succeeds)
    }
}

const fn disputed(reason: &'static str, inquiry: bool) -> After {
    After::Dispute { reason, inquiry }
}

/// <https://docs.stripe.com/testing>.
static CARDS: [Spec; 48] = [
    card("pm_card_visa", "visa", "4242", Outcome::Succeeds),
    debit("pm_card_visa_debit", "visa", "5556", "debit"),
    card("pm_card_mastercard", "mastercard", "4444", Outcome::Succeeds),
    debit("pm_card_mastercard_debit", "mastercard", "8210", "debit"),
    debit("pm_card_mastercard_prepaid", "mastercard", "5100", "prepaid"),
    card("pm_card_amex", "amex", "8431", Outcome::Succeeds),
    card("pm_card_discover", "discover", "9424", Outcome::Succeeds),
    card("pm_card_diners", "diners", "5904", Outcome::Succeeds),
    card("pm_card_jcb", "jcb", "0505", Outcome::Succeeds),
    card("pm_card_unionpay", "unionpay", "0005", Outcome::Succeeds),
    of("pm_card_us", "US", "4242"),
    of("pm_card_ca", "CA", "0000"),
    of("pm_card_br", "BR", "0002"),
    of("pm_card_gb", "GB", "0000"),
    of("pm_card_de", "DE", "0003"),
    of("pm_card_fr", "FR", "0003"),
    of("pm_card_ie", "IE", "0002"),
    of("pm_card_nl", "NL", "0008"),
    of("pm_card_se", "SE", "0003"),
    of("pm_card_ch", "CH", "0009"),
    of("pm_card_au", "AU", "0006"),
    of("pm_card_jp", "JP", "0003"),
    of("pm_card_in", "IN", "0008"),
    then("pm_card_createDispute", "0259", disputed("fraudulent", false)),
    then(
        "pm_card_createDisputeProductNotReceived",
        "2685",
        disputed("product_not_received", false),
    ),
    then("pm_card_createDisputeInquiry", "1976", disputed("general", true)),
    then("pm_card_pendingRefund", "7726", After::RefundPends),
    then("pm_card_refundFail", "5126", After::RefundFails),
    no("pm_card_chargeDeclined", "0002", &GENERIC),
    no("pm_card_visa_chargeDeclined", "0002", &GENERIC),
    no("pm_card_chargeCustomerFail", "0341", &GENERIC),
    no("pm_card_chargeDeclinedInsufficientFunds", "9995", &FUNDS),
    no("pm_card_visa_chargeDeclinedInsufficientFunds", "9995", &FUNDS),
    no("pm_card_chargeDeclinedLostCard", "9987", &LOST),
    no("pm_card_visa_chargeDeclinedLostCard", "9987", &LOST),
    no("pm_card_chargeDeclinedStolenCard", "9979", &STOLEN),
    no("pm_card_visa_chargeDeclinedStolenCard", "9979", &STOLEN),
    no("pm_card_chargeDeclinedFraudulent", "0019", &FRAUDULENT),
    no("pm_card_chargeDeclinedExpiredCard", "0069", &EXPIRED),
    no("pm_card_chargeDeclinedIncorrectCvc", "0127", &CVC),
    no("pm_card_chargeDeclinedProcessingError", "0119", &PROCESSING),
    no(
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "6975",
        &VELOCITY,
    ),
    no("pm_card_chargeDeclinedVelocityLimitExceeded", "6975", &VELOCITY),
    card(
        "pm_card_threeDSecure2Required",
        "visa",
        "3220",
        Outcome::Authenticates(None),
    ),
    card(
        "pm_card_threeDSecureRequired",
        "visa",
        "3063",
        Outcome::Authenticates(None),
    ),
    card(
        "pm_card_authenticationRequired",
        "visa",
        "3184",
        Outcome::Authenticates(None),
    ),
    card(
        "pm_card_threeDSecureRequiredChargeDeclined",
        "visa",
        "1629",
        Outcome::Authenticates(Some(&GENERIC)),
    ),
    card(
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        "visa",
        "8260",
        Outcome::Authenticates(Some(&FUNDS)),
    ),
];
