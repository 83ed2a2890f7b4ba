//! What becomes of an order once it is placed: buyers pay or change their mind, banks and Stripe's dashboard do theirs,
//! sellers ship.

use std::time::Duration;

use serde_json::json;

use super::buyers::Memory;
use super::people::{People, Person};
use super::plan::{Ending, Script};

/// How often somebody looks whether an order got where it should, each time a little later, before doing something
/// else; the end is checked.
const LOOKS: u32 = 25;
/// The same for what only reconciliation may bring, if its webhook was lost.
const FEW_LOOKS: u32 = 12;
/// How much later each look is.
const PATIENT: Duration = Duration::from_millis(100);

const VISA: &str = "pm_card_visa";
const SECURE: &str = "pm_card_threeDSecure2Required";
/// Its bank takes refunds, and sends them back to the shop.
const REFUNDS_RETURN: &str = "pm_card_refundFail";
const DECLINED: [&str; 2] = [
    "pm_card_chargeDeclined",
    "pm_card_chargeDeclinedInsufficientFunds",
];
/// How often Stripe does not cancel an intent that is paid meanwhile.
const KEPT: u32 = 2;

/// An order that was accepted, and everybody who has to do with it.
pub(super) struct Placed<'a> {
    pub(super) people: &'a People,
    pub(super) buyer: &'a Person,
    pub(super) script: Script,
    pub(super) order: i64,
}

impl Placed<'_> {
    /// Follows the script to its end; `memory` keeps what was seen.
    pub(super) async fn follow(&self, memory: &mut Memory) -> Result<(), String> {
        let seen = self.until(&["confirmed", "paid", "cancelled"]).await?;
        let intent = self.intent().await?;
        if seen == "cancelled" || intent.is_empty() {
            return Ok(());
        }
        self.before_money(&intent, memory).await?;
        let Some(card) = self.card() else {
            return Ok(());
        };
        memory.sent_back.returned = card == REFUNDS_RETURN;
        let mut state = self.people.stripe.confirm(&intent, card).await?;
        if state == "requires_action" {
            state = self.people.stripe.authenticate(&intent, true).await?;
            memory.did(state == "succeeded", "3-D Secure passed");
        }
        memory.charged = state == "succeeded";
        memory.did(
            memory.charged && memory.saw_cancelled,
            "paid after the order was cancelled",
        );
        let seen = self.until(&["paid", "cancelled", "refunded"]).await?;
        memory.saw_paid = matches!(seen.as_str(), "paid" | "refunded");
        if memory.charged {
            self.after_money(&intent, memory).await?;
        }
        Ok(())
    }

    /// What happens before the card that pays, or instead of it.
    async fn before_money(&self, intent: &str, memory: &mut Memory) -> Result<(), String> {
        use Ending as E;
        let stripe = &self.people.stripe;
        match self.script.ending {
            E::DeclineThenPay | E::Decline => {
                let [one, other] = DECLINED;
                let state = stripe
                    .confirm(intent, if self.script.heads { one } else { other })
                    .await?;
                memory.did(state == "requires_payment_method", "a card declined");
            }
            E::SecureFails => {
                let mut state = stripe.confirm(intent, SECURE).await?;
                if state == "requires_action" {
                    state = stripe.authenticate(intent, false).await?;
                }
                memory.did(state == "requires_payment_method", "3-D Secure not passed");
            }
            E::SecureLeft => {
                let state = stripe.confirm(intent, SECURE).await?;
                memory.did(state == "requires_action", "3-D Secure left open");
            }
            E::CancelledAtStripe => {
                let state = stripe.cancel(intent).await?;
                memory.did(state == "canceled", "an intent cancelled in the dashboard");
            }
            E::CancelThenPay => {
                stripe.keeps(intent, KEPT).await?;
                self.cancel(memory).await?;
            }
            E::Cancel => self.cancel(memory).await?,
            _ => {}
        }
        Ok(())
    }

    /// The card that pays, if one does.
    fn card(&self) -> Option<&'static str> {
        use Ending as E;
        match self.script.ending {
            E::Decline | E::Cancel | E::Leave | E::SecureLeft | E::CancelledAtStripe => None,
            E::Secure => Some(SECURE),
            E::RefundPends => Some("pm_card_pendingRefund"),
            E::RefundFails => Some(REFUNDS_RETURN),
            E::DisputedOpen if self.script.heads => Some("pm_card_createDisputeInquiry"),
            E::DisputedOpen => Some("pm_card_createDispute"),
            _ => Some(VISA),
        }
    }

    /// What happens once the money is there.
    async fn after_money(&self, intent: &str, memory: &mut Memory) -> Result<(), String> {
        use Ending as E;
        let (stripe, key) = (&self.people.stripe, memory.key.clone());
        match self.script.ending {
            E::PayAndCancel => self.cancel(memory).await?,
            E::PayAndRefund | E::PayAndRefundPart | E::RefundPends | E::RefundFails if memory.saw_paid => {
                self.refund(memory).await?;
            }
            E::Dashboard => {
                let sent = self.refund_at_stripe(intent, None, "all", memory).await?;
                memory.did(sent, "all refunded in the dashboard");
            }
            E::DashboardParts => {
                for part in [120, 35] {
                    let name = part.to_string();
                    let sent = self.refund_at_stripe(intent, Some(part), &name, memory).await?;
                    memory.did(sent, "a part refunded in the dashboard");
                }
            }
            E::Ship if memory.saw_paid => self.ship(memory).await?,
            E::Disputed | E::DisputedAndCancelled => {
                let dispute = stripe.dispute(intent, false, &format!("{key}-dispute")).await?;
                let Some(dispute) = dispute else { return Ok(()) };
                if self.script.ending == E::Disputed {
                    self.ship_in_dispute(memory).await?;
                } else {
                    self.cancel(memory).await?;
                }
                let (end, told) = match self.script.heads {
                    true => ("won", "a dispute won"),
                    false => ("lost", "a dispute lost"),
                };
                memory.did(stripe.decide(&dispute, end).await?, told);
                if self.script.heads && memory.saw_paid && self.shows_dispute("won").await? {
                    self.ship(memory).await?;
                }
            }
            E::DisputedOpen => self.ship_in_dispute(memory).await?,
            E::Inquiry => {
                let dispute = stripe.dispute(intent, true, &format!("{key}-inquiry")).await?;
                let Some(dispute) = dispute else { return Ok(()) };
                self.ship_in_dispute(memory).await?;
                if self.script.heads {
                    let closed = stripe.decide(&dispute, "warning_closed").await?;
                    memory.did(closed, "an inquiry closed");
                } else if stripe.escalate(&dispute).await? {
                    let lost = stripe.decide(&dispute, "lost").await?;
                    memory.did(lost, "an inquiry that became a dispute, and was lost");
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn cancel(&self, memory: &mut Memory) -> Result<(), String> {
        let path = format!("/api/orders/{}/cancel", self.order);
        let reason = json!({"reason": "changed my mind"});
        let key = format!("{}-cancel", memory.key);
        let answer = self.buyer.call("POST", &path, Some(&reason), &key).await?;
        memory.saw_cancelled = answer.status == 200;
        Ok(())
    }

    async fn refund(&self, memory: &mut Memory) -> Result<(), String> {
        let all = match self.script.ending {
            Ending::RefundFails => self.script.heads,
            ending => ending == Ending::PayAndRefund,
        };
        let (minor, ask) = match all {
            true => (None, json!({"orderId": self.order})),
            false => (Some(150), json!({"orderId": self.order, "amount": "1.50"})),
        };
        let key = format!("{}-refund", memory.key);
        let admin = &self.people.admin;
        let answer = admin.call("POST", "/api/payments/refund", Some(&ask), &key).await;
        let sent = memory.sent_back.told(minor, answer)?;
        memory.saw_refunded = all && sent;
        Ok(())
    }

    /// Somebody sends money back in Stripe's dashboard; whether it went.
    async fn refund_at_stripe(
        &self,
        intent: &str,
        minor: Option<i64>,
        name: &str,
        memory: &mut Memory,
    ) -> Result<bool, String> {
        let key = format!("{}-{name}", memory.key);
        let answer = self.people.stripe.refund(intent, minor, &key).await;
        memory.sent_back.told(minor, answer)
    }

    /// The seller sends the order on its way.
    async fn ship(&self, memory: &mut Memory) -> Result<(), String> {
        for status in ["processing", "shipped"] {
            memory.saw_shipped = self.moves_to(status).await?;
        }
        memory.did(memory.saw_shipped, "shipped");
        if memory.saw_shipped && self.script.heads {
            self.moves_to("delivered").await?;
        }
        Ok(())
    }

    /// The seller tries to send the order on its way, once it says that it is disputed.
    async fn ship_in_dispute(&self, memory: &mut Memory) -> Result<(), String> {
        if !memory.saw_paid || !self.shows_dispute("").await? {
            return Ok(());
        }
        let shown = self.look().await?.text("/disputeStatus");
        if self.moves_to("processing").await? {
            memory.shipped_in_dispute = Some(shown);
        } else {
            memory.did(true, "not shipped, since it is disputed");
        }
        Ok(())
    }

    async fn moves_to(&self, status: &str) -> Result<bool, String> {
        let path = format!("/api/orders/{}/status", self.order);
        let seller = &self.people.seller;
        let answer = seller
            .call("PUT", &path, Some(&json!({"status": status})), "")
            .await?;
        Ok(answer.status == 200)
    }

    async fn look(&self) -> Result<super::http::Answer, String> {
        let path = format!("/api/orders/{}", self.order);
        self.buyer.call("GET", &path, None, "").await
    }

    /// Looks at the order until it is in one of these states; returns the state in which it was last seen.
    async fn until(&self, states: &[&str]) -> Result<String, String> {
        let mut seen = String::new();
        for look in 1..=LOOKS {
            seen = self.look().await?.text("/status");
            if states.contains(&seen.as_str()) {
                break;
            }
            tokio::time::sleep(PATIENT * look).await;
        }
        Ok(seen)
    }

    /// Looks at the order until it says that its dispute stands so, or that there is one; whether it came to say so.
    async fn shows_dispute(&self, status: &str) -> Result<bool, String> {
        for look in 1..=FEW_LOOKS {
            let shown = self.look().await?.text("/disputeStatus");
            if !shown.is_empty() && (status.is_empty() || shown == status) {
                return Ok(true);
            }
            tokio::time::sleep(PATIENT * look).await;
        }
        Ok(false)
    }

    async fn intent(&self) -> Result<String, String> {
        let path = format!("/api/payments/order/{}", self.order);
        let answer = self.buyer.call("GET", &path, None, "").await?;
        Ok(answer.text("/paymentIntentId"))
    }
}
