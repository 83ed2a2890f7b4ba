//! Reads HTTP/1.1 as strictly as RFC 9112 allows. hyper forgives what another server on the way may read otherwise
//! (both `Content-Length` and `Transfer-Encoding`, bare line feeds); where two readers disagree on the end of a
//! request, one client's bytes become another's request. Such heads, and those that are too large to be kept, are replaced by a sound one that stands
//! for them: it comes to the router like any other, which says what was wrong ([`BadHead`]), and nothing behind it is
//! read. hyper would answer with a status and nothing else.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Why a request's head was not read: an extension of the request that came to the router in its place.
///
/// A client may send the methods that stand for these itself. It is then told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// Two readers may read it differently (400).
    Unclear,
    /// It is larger than what is kept of one (431).
    TooLarge,
}

impl BadHead {
    /// What hyper reads instead.
    const fn stand_in(self) -> &'static [u8] {
        match self {
            Self::Unclear => b"UNCLEAR-HEAD / HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\n\r\n",
            Self::TooLarge => b"TOO-LARGE-HEAD / HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\n\r\n",
        }
    }

    /// What a request with this method stands for.
    pub(crate) fn behind(method: &http::Method) -> Option<Self> {
        match method.as_str() {
            "UNCLEAR-HEAD" => Some(Self::Unclear),
            "TOO-LARGE-HEAD" => Some(Self::TooLarge),
            _ => None,
        }
    }
}

const HTTP2: &[u8] = b"PRI * HTTP/2.0";
const STEP: usize = 8 * 1024;

/// A connection whose request heads are checked.
pub(crate) struct Strict<T> {
    io: T,
    state: State,
    /// The part of a head that has come so far.
    head: BytesMut,
    /// What was checked and not read yet.
    ready: BytesMut,
    largest_head: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes of a body are left.
    Body(u64),
    /// The line that says how long a chunk is.
    ChunkSize {
        size: u64,
        extension: bool,
    },
    ChunkData(u64),
    ChunkEnd,
    /// Trailers; how long the current line is.
    Trailer(usize),
    /// Nothing is checked any more: HTTP/2, or what hyper refuses by itself.
    Open,
    /// A head was refused; what follows it is not read.
    Refused,
}

impl<T> Strict<T> {
    /// Checks `io` if `strict`; a head may have `largest_head` bytes.
    pub(crate) fn new(io: T, strict: bool, largest_head: usize) -> Self {
        Self {
            io,
            state: if strict { State::Head } else { State::Open },
            head: BytesMut::new(),
            ready: BytesMut::new(),
            largest_head,
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Head => {
                    let line = bytes
                        .iter()
                        .position(|b| *b == b'\n')
                        .map_or(bytes.len(), |at| at + 1);
                    let (line, after) = bytes.split_at(line);
                    self.head.extend_from_slice(line);
                    self.state = self.after_part_of_head();
                    bytes = after;
                    continue;
                }
                State::Body(left) => {
                    let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (body, after) = bytes.split_at(taken);
                    self.ready.extend_from_slice(body);
                    self.state = match left - taken as u64 {
                        0 => State::Head,
                        left => State::Body(left),
                    };
                    bytes = after;
                    continue;
                }
                State::ChunkData(left) => {
                    let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (data, after) = bytes.split_at(taken);
                    self.ready.extend_from_slice(data);
                    self.state = match left - taken as u64 {
                        0 => State::ChunkEnd,
                        left => State::ChunkData(left),
                    };
                    bytes = after;
                    continue;
                }
                State::ChunkSize { size, extension } => {
                    self.ready.extend_from_slice(&[byte]);
                    self.state = after_size_byte(byte, size, extension);
                }
                State::ChunkEnd => {
                    self.ready.extend_from_slice(&[byte]);
                    self.state = match byte {
                        b'\r' => State::ChunkEnd,
                        b'\n' => State::ChunkSize {
                            size: 0,
                            extension: false,
                        },
                        _ => State::Open,
                    };
                }
                State::Trailer(length) => {
                    self.ready.extend_from_slice(&[byte]);
                    self.state = match byte {
                        b'\n' if length == 0 => State::Head,
                        b'\n' => State::Trailer(0),
                        b'\r' => State::Trailer(length),
                        _ => State::Trailer(length + 1),
                    };
                }
                State::Open => {
                    self.ready.extend_from_slice(bytes);
                    return;
                }
                State::Refused => return,
            }
            bytes = rest;
        }
    }

    /// Looks at a head that has just got one line longer, or a part of one.
    fn after_part_of_head(&mut self) -> State {
        // Empty lines before a request are allowed, and nothing.
        if self.head.as_ref() == b"\r\n" {
            self.head.clear();
            return State::Head;
        }
        if self.head.len() > self.largest_head {
            return self.refuse(BadHead::TooLarge);
        }
        let next = match self.head.as_ref() {
            [.., b'\r', b'\n', b'\r', b'\n'] => framing(&self.head),
            [.., before, b'\n'] if *before != b'\r' => None,
            [b'\n'] => None,
            _ => return State::Head,
        };
        match next {
            Some(next) => self.let_through(next),
            None => self.refuse(BadHead::Unclear),
        }
    }

    fn refuse(&mut self, why: BadHead) -> State {
        self.head.clear();
        self.ready.extend_from_slice(why.stand_in());
        State::Refused
    }

    fn let_through(&mut self, next: State) -> State {
        let head = self.head.split();
        self.ready.extend_from_slice(&head);
        next
    }
}

/// What follows a head; `None` if the head is not to be trusted.
fn framing(head: &[u8]) -> Option<State> {
    if head.starts_with(HTTP2) {
        return Some(State::Open);
    }
    let head =
        std::str::from_utf8(head).map_or_else(|_| String::from_utf8_lossy(head).into_owned(), str::to_owned);
    let (mut length, mut chunked) = (None, false);
    for line in head.split("\r\n").skip(1).take_while(|line| !line.is_empty()) {
        // A line that goes on with the one before, a name with a space behind it, a lone CR: each reader has its own idea.
        if line.starts_with([' ', '\t']) || line.contains('\r') {
            return None;
        }
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            if length.is_some() || !digits {
                return None;
            }
            length = Some(value.parse::<u64>().ok()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case("chunked") {
                return None;
            }
            chunked = true;
        } else if name.ends_with([' ', '\t']) {
            return None;
        }
    }
    match (length, chunked) {
        (Some(_), true) => None,
        (None, true) => Some(State::ChunkSize {
            size: 0,
            extension: false,
        }),
        (None | Some(0), false) => Some(State::Head),
        (Some(length), false) => Some(State::Body(length)),
    }
}

/// Follows the line that says how long a chunk is. What is wrong with it hyper finds by itself.
fn after_size_byte(byte: u8, size: u64, extension: bool) -> State {
    match byte {
        b'\n' if size == 0 => State::Trailer(0),
        b'\n' => State::ChunkData(size),
        b';' | b' ' | b'\t' | b'\r' => State::ChunkSize {
            size,
            extension: true,
        },
        _ if extension => State::ChunkSize { size, extension },
        _ => {
            let digit = char::from(byte).to_digit(16).map(u64::from);
            match digit.and_then(|d| size.checked_mul(16)?.checked_add(d)) {
                Some(size) => State::ChunkSize { size, extension },
                None => State::Open,
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Strict<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if !this.ready.is_empty() {
                let count = this.ready.len().min(buf.remaining());
                buf.put_slice(&this.ready.split_to(count));
                return Poll::Ready(Ok(()));
            }
            match this.state {
                State::Open => return Pin::new(&mut this.io).poll_read(cx, buf),
                // An end here would take the answer away; it comes when the answer has been written.
                State::Refused => return Poll::Pending,
                State::Body(left) => {
                    // Straight through, up to the end of the body.
                    let most = buf.remaining().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let mut body = ReadBuf::new(buf.initialize_unfilled_to(most));
                    ready!(Pin::new(&mut this.io).poll_read(cx, &mut body))?;
                    let taken = body.filled().len();
                    buf.advance(taken);
                    this.state = match left.saturating_sub(taken as u64) {
                        0 => State::Head,
                        left => State::Body(left),
                    };
                    return Poll::Ready(Ok(()));
                }
                State::Head
                | State::ChunkSize { .. }
                | State::ChunkData(_)
                | State::ChunkEnd
                | State::Trailer(_) => {}
            }
            let mut space = [std::mem::MaybeUninit::uninit(); STEP];
            let mut some = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut some))?;
            if some.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.feed(some.filled());
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Strict<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use tokio::io::AsyncReadExt as _;

    const LARGEST: usize = 1024;

    /// What hyper would read of `sent`, when it comes in pieces of `step` bytes.
    fn read(sent: &[u8], step: usize) -> Vec<u8> {
        let mut io = tokio_test_io(sent, step);
        let (mut seen, mut piece) = (Vec::new(), [0; 512]);
        // Nothing more comes at the end, and after a refusal.
        while let Some(Ok(count @ 1..)) = io.read(&mut piece).now_or_never() {
            seen.extend_from_slice(&piece[..count]);
        }
        seen
    }

    fn tokio_test_io(sent: &[u8], step: usize) -> Strict<Pieces> {
        let pieces = Pieces {
            left: sent.to_vec(),
            step,
        };
        Strict::new(pieces, true, LARGEST)
    }

    struct Pieces {
        left: Vec<u8>,
        step: usize,
    }

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let count = self.step.min(self.left.len()).min(buf.remaining());
            let piece: Vec<u8> = self.left.drain(..count).collect();
            buf.put_slice(&piece);
            Poll::Ready(Ok(()))
        }
    }

    // GW-3
    #[test]
    fn sound_requests_pass_unchanged_however_they_are_cut() {
        for sent in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab\n\ncGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\n\n\n\n\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n\0 anything",
        ] {
            for step in [1, 2, 3, 7, 1000] {
                assert_eq!(read(sent.as_bytes(), step), sent.as_bytes(), "{sent:?} by {step}");
            }
        }
    }

    // GW-3
    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        let first = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
        for head in [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "\n\nGET / HTTP/1.1\r\n\r\n",
        ] {
            let sent = format!("{first}{head}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
            let mut expected = first.as_bytes().to_vec();
            expected.extend_from_slice(BadHead::Unclear.stand_in());
            for step in [1, 5, 1000] {
                assert_eq!(read(sent.as_bytes(), step), expected, "{head:?} by {step}");
            }
        }
    }

    // GW-4
    #[test]
    fn a_head_without_end_is_refused_and_not_kept() {
        let mut io = tokio_test_io(&vec![b'a'; 100 * LARGEST], 100);
        let mut piece = vec![0; LARGEST];
        let count = io.read(&mut piece).now_or_never().unwrap().unwrap();
        assert_eq!(&piece[..count], BadHead::TooLarge.stand_in());
        assert_eq!((io.head.len(), io.state), (0, State::Refused));
    }

    // GW-3
    #[test]
    fn a_stand_in_is_known_by_its_method() {
        for bad in [BadHead::Unclear, BadHead::TooLarge] {
            let line = bad.stand_in().split(|byte| *byte == b' ').next().unwrap();
            let method = http::Method::from_bytes(line).unwrap();
            assert_eq!(BadHead::behind(&method), Some(bad));
        }
        assert_eq!(BadHead::behind(&http::Method::GET), None);
    }
}
