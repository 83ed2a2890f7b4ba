//! What people type into a search box, as Postgres's text search takes it.

/// The longest text, in characters (SRCH-5).
pub const MAX: usize = 256;
/// Words that may be completed by prefix.
const MAX_WORDS: usize = 16;

/// A checked search text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// As it was typed.
    pub text: String,
    /// The same words for `to_tsquery`, the last one open at its end: `'copper' & 'cof':*`. None where the text uses
    /// quotes, `or` or a minus, or has nothing to complete.
    pub prefix: Option<String>,
}

/// A text that cannot be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {MAX} characters, and no control characters")]
pub struct BadSearch;

impl Search {
    /// Checks `text`; none if there is nothing in it.
    pub fn parse(text: &str) -> Result<Option<Self>, BadSearch> {
        let text = text.trim();
        if text.chars().count() > MAX || text.chars().any(char::is_control) {
            return Err(BadSearch);
        }
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            text: text.to_owned(),
            prefix: prefix(text),
        }))
    }
}

fn prefix(text: &str) -> Option<String> {
    let operator = |word: &str| word.eq_ignore_ascii_case("or") || word.starts_with('-');
    if text.contains('"') || text.split_whitespace().any(operator) {
        return None;
    }
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let (last, first) = words.split_last()?;
    // One letter would match half of the vocabulary.
    if words.len() > MAX_WORDS || last.chars().count() < 2 {
        return None;
    }
    let mut query: String = first.iter().map(|word| format!("'{word}' & ")).collect();
    query.push_str(&format!("'{last}':*"));
    Some(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix_of(text: &str) -> Option<String> {
        Search::parse(text).unwrap().unwrap().prefix
    }

    // SRCH-1
    #[test]
    fn the_last_word_is_open_at_its_end_unless_the_text_has_operators() {
        assert_eq!(prefix_of("Copper cof").as_deref(), Some("'copper' & 'cof':*"));
        assert_eq!(prefix_of("MUG-01").as_deref(), Some("'mug' & '01':*"));
        for text in ["\"coffee pot\"", "pot -copper", "pot or mug", "a", "%", ":*"] {
            assert_eq!(prefix_of(text), None, "{text}");
        }
    }

    // SRCH-5
    #[test]
    fn long_texts_and_control_characters_are_refused_and_blanks_are_no_search() {
        assert_eq!(Search::parse(&"a".repeat(257)), Err(BadSearch));
        assert_eq!(Search::parse("a\0b"), Err(BadSearch));
        assert_eq!(Search::parse("  "), Ok(None));
        assert!(!prefix_of("it's':* & !x").unwrap_or_default().contains("''"));
    }

    // SRCH-5
    #[test]
    fn the_longest_text_is_searched_for_and_the_most_words_are_completed() {
        assert!(Search::parse(&"ä".repeat(MAX)).unwrap().is_some());
        let words = |count| vec!["mug"; count].join(" ");
        assert!(prefix_of(&words(MAX_WORDS)).is_some());
        assert_eq!(prefix_of(&words(MAX_WORDS + 1)), None);
    }
}
