//! Where a list goes on, as `Link` headers (RFC 8288), so that a client can walk it without knowing how.

use axum::response::{IntoResponseParts, ResponseParts};
use http::HeaderValue;
use http::header::LINK;
use types::Page;
use wire::list::Pagination;

/// The `next` and `prev` of a page, relative to the request's own address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links(Option<HeaderValue>);

impl Links {
    /// The neighbours of the page that `query` asked for and that `pagination` tells of. A cursor leads forward only.
    #[must_use]
    pub fn of(query: Option<&str>, pagination: &Pagination) -> Self {
        let to = |start: String, rel: &str| {
            let kept = query.unwrap_or_default().split('&').filter(|pair| {
                let name = pair.split('=').next().unwrap_or_default();
                !pair.is_empty() && name != "page" && name != "cursor"
            });
            let pairs: Vec<&str> = kept.chain([start.as_str()]).collect();
            format!("<?{}>; rel=\"{rel}\"", pairs.join("&"))
        };
        let page = pagination.page;
        let next = pagination.next_cursor.as_ref().map(|cursor| {
            let numbered = page
                .and_then(|page| Page::new(i64::from(page) + 1, i64::from(pagination.limit)).ok())
                .map(|next| format!("page={}", next.number()));
            to(numbered.unwrap_or_else(|| format!("cursor={cursor}")), "next")
        });
        let prev = page
            .filter(|page| *page > 1)
            .map(|page| to(format!("page={}", page - 1), "prev"));
        let links: Vec<String> = next.into_iter().chain(prev).collect();
        // A query that no header can hold was no query of ours.
        let value = HeaderValue::from_str(&links.join(", ")).ok();
        Self(value.filter(|value| !value.is_empty()))
    }
}

impl IntoResponseParts for Links {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        if let Some(value) = self.0 {
            parts.headers_mut().insert(LINK, value);
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use wire::list::Total;

    use super::*;

    fn links(query: &str, pagination: &Pagination) -> String {
        let Links(value) = Links::of(Some(query), pagination);
        value.map_or_else(String::new, |v| v.to_str().unwrap().to_owned())
    }

    fn page(number: i64, limit: i64, total: i64, cursor: Option<&str>) -> Pagination {
        Pagination::numbered(
            Page::new(number, limit).unwrap(),
            Total::Exact(total),
            cursor.map(str::to_owned),
        )
    }

    // PAG-5
    #[test]
    fn a_page_names_its_neighbours_and_keeps_what_else_was_asked() {
        let second = page(2, 20, 50, Some("abc"));
        assert_eq!(
            links("page=2&search=red%20mug&limit=20", &second),
            "<?search=red%20mug&limit=20&page=3>; rel=\"next\", <?search=red%20mug&limit=20&page=1>; rel=\"prev\""
        );
        assert_eq!(
            links("", &page(1, 20, 50, Some("abc"))),
            "<?page=2>; rel=\"next\""
        );
        assert_eq!(links("page=3", &page(3, 20, 50, None)), "<?page=2>; rel=\"prev\"");
        assert_eq!(links("", &page(1, 20, 5, None)), "");
    }

    // PAG-3, PAG-5
    #[test]
    fn beyond_the_last_page_that_can_be_numbered_the_cursor_leads_on() {
        let last = page(100, 100, 20_000, Some("abc"));
        assert!(links("page=100&limit=100", &last).starts_with("<?limit=100&cursor=abc>; rel=\"next\""));
        let after = Pagination::by_cursor(100, Some("def".to_owned()));
        assert_eq!(
            links("limit=100&cursor=abc", &after),
            "<?limit=100&cursor=def>; rel=\"next\""
        );
        assert_eq!(links("cursor=def", &Pagination::by_cursor(20, None)), "");
    }
}
