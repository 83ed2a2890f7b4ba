//! Forms with brackets, as Stripe's clients send them: `metadata[order_id]=1`, `payment_method_types[]=card`,
//! `items[0][price]=…`; and the typed reading of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::ApiError;

/// How deep brackets may go.
const DEEPEST: usize = 6;
/// Which elements a list may have by index.
const MOST: usize = 200;

/// The decoded pairs of a form or a query.
pub(crate) fn pairs(text: &[u8]) -> Result<Vec<(String, String)>, ApiError> {
    serde_urlencoded::from_bytes(text)
        .map_err(|_| ApiError::bad_request("Invalid request: the parameters are not form-encoded UTF-8."))
}

/// `pairs` as one object: brackets become objects and arrays. Of a scalar given twice the last counts.
pub(crate) fn parse(pairs: &[(String, String)]) -> Result<Map<String, Value>, ApiError> {
    let mut root = Value::Object(Map::new());
    for (key, value) in pairs {
        let path =
            path(key).ok_or_else(|| ApiError::invalid(key, format!("Invalid parameter name: {key}")))?;
        insert(&mut root, &path, value).ok_or_else(|| {
            ApiError::invalid(key, format!("Invalid parameter: {key} is given in two forms."))
        })?;
    }
    match root {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// `a[b][]` as `a`, `b` and an empty segment.
fn path(key: &str) -> Option<Vec<&str>> {
    let (head, mut rest) = key.split_at(key.find('[').unwrap_or(key.len()));
    let mut path = vec![head];
    while !rest.is_empty() {
        let (segment, after) = rest.strip_prefix('[')?.split_once(']')?;
        path.push(segment);
        rest = after;
    }
    (!head.is_empty() && path.len() <= DEEPEST).then_some(path)
}

fn insert(node: &mut Value, path: &[&str], value: &str) -> Option<()> {
    let Some((segment, rest)) = path.split_first() else {
        // An object or a list does not become a text.
        if node.is_object() || node.is_array() {
            return None;
        }
        *node = Value::String(value.to_owned());
        return Some(());
    };
    if segment.is_empty() {
        if node.is_null() {
            *node = Value::Array(Vec::new());
        }
        let list = node.as_array_mut()?;
        // `a[][x]=1&a[][y]=2` is one element; a key that it has begins the next.
        let fits = |last: &Value| {
            rest.first()
                .is_some_and(|key| last.as_object().is_some_and(|o| !o.contains_key(*key)))
        };
        if !list.last().is_some_and(fits) {
            list.push(Value::Null);
        }
        return insert(list.last_mut()?, rest, value);
    }
    if node.is_null() {
        *node = Value::Object(Map::new());
    }
    insert(
        node.as_object_mut()?.entry(*segment).or_insert(Value::Null),
        rest,
        value,
    )
}

/// The parameters of a request. What is not taken until [`Params::finish`] is unknown, and refused.
#[derive(Debug)]
pub(crate) struct Params(Map<String, Value>);

impl Params {
    /// Those of `pairs`.
    pub(crate) fn new(pairs: &[(String, String)]) -> Result<Self, ApiError> {
        parse(pairs).map(Self)
    }

    /// A text; may be empty.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ApiError::invalid(name, format!("Invalid string: {name}"))),
        }
    }

    /// A text that is not empty.
    pub(crate) fn word(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.text(name)? {
            Some(text) if text.is_empty() => Err(ApiError::invalid(
                name,
                format!(
                    "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a \
                     parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or \
                     supply a non-empty value."
                ),
            )
            .code("parameter_invalid_empty")),
            text => Ok(text),
        }
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(word) = self.word(name)? else {
            return Ok(None);
        };
        let shown: String = word.chars().take(40).collect();
        word.parse().map(Some).map_err(|_| {
            ApiError::invalid(name, format!("Invalid integer: {shown}")).code("parameter_invalid_integer")
        })
    }

    /// A whole number, if it is one text and not nested.
    pub(crate) fn exactly(&mut self, name: &str) -> Result<Option<i64>, ApiError> {
        if self.0.get(name).is_some_and(Value::is_string) {
            self.integer(name)
        } else {
            Ok(None)
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.word(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(ApiError::invalid(
                name,
                format!("Invalid boolean: {name} must be true or false"),
            )),
        }
    }

    /// One of `words`.
    pub(crate) fn choice(&mut self, name: &str, words: &[&str]) -> Result<Option<String>, ApiError> {
        match self.word(name)? {
            Some(word) if !words.contains(&word.as_str()) => Err(ApiError::invalid(
                name,
                format!("Invalid {name}: must be one of {}", words.join(", ")),
            )),
            word => Ok(word),
        }
    }

    /// A list of texts, as `name[]=a` or `name[0]=a`.
    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let values: Vec<Value> = match self.0.remove(name) {
            None => return Ok(None),
            Some(Value::Array(values)) => values,
            Some(Value::Object(map)) => {
                let by_index: Option<BTreeMap<usize, Value>> = map
                    .into_iter()
                    .map(|(index, value)| Some((index.parse().ok().filter(|i| *i < MOST)?, value)))
                    .collect();
                by_index.map(|m| m.into_values().collect()).unwrap_or_default()
            }
            Some(_) => Vec::new(),
        };
        let texts: Option<Vec<String>> = values.iter().map(|v| v.as_str().map(str::to_owned)).collect();
        texts
            .filter(|list| !list.is_empty())
            .map(Some)
            .ok_or_else(|| ApiError::invalid(name, "Invalid array"))
    }

    /// The parameters nested in `name`.
    pub(crate) fn nested(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self(map))),
            Some(_) => Err(ApiError::invalid(name, "Invalid object").code("parameter_invalid_empty")),
        }
    }

    /// Texts by name, such as metadata; `name=` alone means to clear it.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Option<Vec<(String, String)>>, ApiError> {
        let map = match self.0.remove(name) {
            None => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(Some(Vec::new())),
            Some(Value::Object(map)) => map,
            Some(_) => return Err(ApiError::invalid(name, "Invalid object")),
        };
        let texts: Option<Vec<(String, String)>> = map
            .into_iter()
            .map(|(key, value)| Some((key, value.as_str()?.to_owned())))
            .collect();
        texts.map(Some).ok_or_else(|| {
            ApiError::invalid(
                name,
                format!("{name} must be a set of key-value pairs; values are texts."),
            )
        })
    }

    /// Whether `name` was given and not yet taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Refuses what nothing took.
    pub(crate) fn finish(&self) -> Result<(), ApiError> {
        let Some(name) = self.0.keys().next() else {
            return Ok(());
        };
        let name: String = name.chars().take(80).collect();
        Err(ApiError::invalid(&name, format!("Received unknown parameter: {name}")).code("parameter_unknown"))
    }
}

/// A required parameter.
pub(crate) fn required<T>(name: &str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| {
        ApiError::invalid(name, format!("Missing required param: {name}.")).code("parameter_missing")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(text: &str) -> Option<Value> {
        parse(&pairs(text.as_bytes()).ok()?).ok().map(Value::Object)
    }

    #[test]
    fn brackets_nest() {
        let text =
            "a=1&m[order_id]=7&m[x%20y]=%C3%A9&t[]=card&t[]=link&i[][p]=1&i[][q]=2&i[][p]=3&n[0][k]=v&a=2";
        assert_eq!(
            parsed(text),
            Some(json!({
                "a": "2", "m": {"order_id": "7", "x y": "é"}, "t": ["card", "link"],
                "i": [{"p": "1", "q": "2"}, {"p": "3"}], "n": {"0": {"k": "v"}},
            }))
        );
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for text in [
            "a[=1",
            "a]b[=1",
            "[a]=1",
            "a[b]c=1",
            "a=1&a[b]=2",
            "a[b]=2&a=1",
            "a[]=1&a[b]=2",
            "a[1][2][3][4][5][6]=1",
            "=1",
        ] {
            let refused = parsed(text).is_none() || text == "a]b[=1" && parsed(text).is_none();
            assert!(refused, "{text}");
        }
    }

    #[test]
    fn an_unknown_parameter_is_named() {
        let mut params = Params::new(&pairs(b"t[1]=b&t[0]=a&amuont=5").unwrap()).unwrap();
        assert_eq!(
            params.list("t").unwrap(),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert!(
            params.finish().unwrap_err().body()["error"]["message"]
                .as_str()
                .unwrap()
                .contains("amuont")
        );
    }
}
