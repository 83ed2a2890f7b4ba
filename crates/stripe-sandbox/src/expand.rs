//! `expand[]`: ids in an answer become the objects that they name.

use serde_json::Value;

use crate::error::ApiError;

/// How deep a path may go, as at Stripe.
const DEEPEST: usize = 4;

/// Puts objects where `paths`, such as `latest_charge` or `data.charge`, lead to their ids; `find` has them.
pub(crate) fn expand(
    body: &mut Value,
    paths: &[String],
    find: impl Fn(&str) -> Option<Value>,
) -> Result<(), ApiError> {
    for path in paths {
        let segments: Vec<&str> = path.split('.').collect();
        let most = DEEPEST + usize::from(segments.first() == Some(&"data"));
        if segments.len() > most || walk(body, &segments, &find).is_none() {
            let path: String = path.chars().take(80).collect();
            let why = format!("This property cannot be expanded ({path}).");
            return Err(ApiError::invalid("expand", why));
        }
    }
    Ok(())
}

fn walk(value: &mut Value, path: &[&str], find: &impl Fn(&str) -> Option<Value>) -> Option<()> {
    if let Value::Array(values) = value {
        return values.iter_mut().try_for_each(|value| walk(value, path, find));
    }
    let Some((name, rest)) = path.split_first() else {
        return Some(());
    };
    let place = value.as_object_mut()?.get_mut(*name)?;
    match place {
        Value::Null => return Some(()),
        Value::String(id) => *place = find(id)?,
        Value::Object(_) | Value::Array(_) => {}
        _ => return None,
    }
    walk(place, rest, find)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_lists_and_what_was_expanded_before() {
        let find = |id: &str| (id == "ch_1").then(|| json!({"id": id, "refund": null, "status": "failed"}));
        let expanded = |paths: &[&str]| {
            let mut body = json!({"data": [{"charge": "ch_1"}, {"charge": null}]});
            let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
            expand(&mut body, &paths, find).map(|()| body["data"][0]["charge"]["id"].clone())
        };
        assert_eq!(expanded(&["data.charge"]).unwrap(), "ch_1");
        assert_eq!(expanded(&["data.charge", "data.charge.refund"]).unwrap(), "ch_1");
        for wrong in [
            "charge",
            "data.charge.status",
            "data.charges",
            "data.charge.a.b.c.d",
        ] {
            assert!(expanded(&[wrong]).is_err(), "{wrong}");
        }
    }
}
