//! Faults on demand: rules by which requests and webhooks go wrong, until they are used up or taken back. They are
//! not kept: a restart forgets them.

mod request;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

pub(crate) use request::{Broken, Fault};

use crate::error::ApiError;
use crate::form::{Params, required};

/// The longest that a rule may ask for, in milliseconds.
const LONGEST: i64 = 600_000;
/// How long a request hangs, and a webhook is late, unless the rule says so, in milliseconds.
const HANGS: i64 = 60_000;
const LATE: i64 = 1_000;
/// How many copies of a webhook a rule may ask for.
const MOST_COPIES: i64 = 100;

/// How the delivery of an event goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mischief {
    /// It begins later.
    Delay(Duration),
    /// It never happens, though it counts as taken.
    Drop,
    /// It happens so many times more.
    Duplicate(u32),
    /// Another event is taken before it.
    Reorder,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Request(Fault),
    Webhook(Mischief),
}

/// What goes wrong, where and how often.
#[derive(Debug)]
struct Rule {
    id: String,
    what: What,
    /// A path or the type of an event; `*` is anything.
    pattern: String,
    method: Option<Method>,
    /// How often still; without end, without it.
    left: Option<u32>,
    struck: u32,
}

impl Rule {
    fn strike(&mut self) -> What {
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.struck += 1;
        self.what
    }

    fn spent(&self) -> bool {
        self.left == Some(0)
    }

    fn render(&self) -> Value {
        let (on, what, at) = match self.what {
            What::Request(fault) => ("request", fault.name(), "path"),
            What::Webhook(mischief) => (
                "webhook",
                match mischief {
                    Mischief::Delay(_) => "delay",
                    Mischief::Drop => "drop",
                    Mischief::Duplicate(_) => "duplicate",
                    Mischief::Reorder => "reorder",
                },
                "type",
            ),
        };
        json!({
            "id": self.id, "on": on, "do": what, at: self.pattern, "method": self.method.as_ref().map(Method::as_str),
            "left": self.left, "struck": self.struck,
        })
    }
}

/// The rules, first come first struck.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Rule>);

impl Faults {
    /// Adds the rule that `params` describe.
    pub(crate) fn add(&mut self, id: String, params: &mut Params) -> Result<Value, ApiError> {
        let on = required("on", params.choice("on", &["request", "webhook"])?)?;
        let left = params
            .integer("count")?
            .map(|n| whole("count", n, i64::from(u32::MAX)))
            .transpose()?;
        let (what, pattern, method) = if on == "request" {
            let pattern = params.word("path")?.unwrap_or_else(|| "*".to_owned());
            let method = params.choice("method", &["GET", "POST"])?;
            let method = method.map(|m| if m == "GET" { Method::GET } else { Method::POST });
            (What::Request(Fault::take(params)?), pattern, method)
        } else {
            let pattern = params.word("type")?.unwrap_or_else(|| "*".to_owned());
            (What::Webhook(mischief(params)?), pattern, None)
        };
        params.finish()?;
        let rule = Rule {
            id,
            what,
            pattern,
            method,
            left,
            struck: 0,
        };
        let shown = rule.render();
        self.0.push(rule);
        Ok(shown)
    }

    /// How this request goes wrong.
    pub(crate) fn on_request(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let rule = self.0.iter_mut().find(|rule| {
            matches!(rule.what, What::Request(_))
                && !rule.spent()
                && rule.method.as_ref().is_none_or(|m| m == method)
                && fits(&rule.pattern, path)
        })?;
        match rule.strike() {
            What::Request(fault) => Some(fault),
            What::Webhook(_) => None,
        }
    }

    /// How the delivery of an event of this type goes wrong. While one is held back to be overtaken, the next is let
    /// past.
    pub(crate) fn on_webhook(&mut self, kind: &str, holds: bool) -> Option<Mischief> {
        let rule = self.0.iter_mut().find(|rule| match rule.what {
            What::Webhook(Mischief::Reorder) if holds => false,
            What::Webhook(_) => !rule.spent() && fits(&rule.pattern, kind),
            What::Request(_) => false,
        })?;
        match rule.strike() {
            What::Webhook(mischief) => Some(mischief),
            What::Request(_) => None,
        }
    }

    /// Takes back the rule called `id`, or all; tells how many those were.
    pub(crate) fn clear(&mut self, id: Option<&str>) -> usize {
        let before = self.0.len();
        self.0.retain(|rule| id.is_some_and(|id| id != rule.id));
        before - self.0.len()
    }

    /// All rules, also those that are used up.
    pub(crate) fn render(&self) -> Value {
        let rules: Vec<Value> = self.0.iter().map(Rule::render).collect();
        json!({"data": rules})
    }
}

fn mischief(params: &mut Params) -> Result<Mischief, ApiError> {
    let words = ["delay", "drop", "duplicate", "reorder"];
    let word = required("do", params.choice("do", &words)?)?;
    Ok(match word.as_str() {
        "delay" => Mischief::Delay(millis(params, LATE)?),
        "drop" => Mischief::Drop,
        "duplicate" => Mischief::Duplicate(whole(
            "times",
            params.integer("times")?.unwrap_or(1),
            MOST_COPIES,
        )?),
        _ => Mischief::Reorder,
    })
}

fn millis(params: &mut Params, or: i64) -> Result<Duration, ApiError> {
    let ms = whole("ms", params.integer("ms")?.unwrap_or(or), LONGEST)?;
    Ok(Duration::from_millis(u64::from(ms)))
}

fn whole(name: &str, number: i64, most: i64) -> Result<u32, ApiError> {
    u32::try_from(number)
        .ok()
        .filter(|n| (1..=most).contains(&i64::from(*n)))
        .ok_or_else(|| ApiError::invalid(name, format!("This value must be between 1 and {most}.")))
}

/// Whether `text` is as `pattern` says.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(end) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything() {
        for (pattern, text, fit) in [
            ("*", "/v1/refunds", true),
            ("/v1/refunds", "/v1/refunds", true),
            ("/v1/refunds", "/v1/refunds/re_1", false),
            ("/v1/refunds*", "/v1/refunds/re_1", true),
            (
                "/v1/payment_intents/*/confirm",
                "/v1/payment_intents/pi_1/confirm",
                true,
            ),
            (
                "/v1/payment_intents/*/confirm",
                "/v1/payment_intents/pi_1/cancel",
                false,
            ),
            ("payment_intent.*", "payment_intent.succeeded", true),
            ("*.succeeded", "charge.failed", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }
}
