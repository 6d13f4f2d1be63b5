//! Answers in chunks that many answers share.
//!
//! tonic copies each message into a buffer of its stream, and hyper takes messages until 400 KiB of a stream wait for the
//! socket. That is 400 MB of copies when a thousand workers fetch one context. Here both hold slices of the same bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};
use patchsweep_proto::chunk::MAX_CHUNK_BYTES;
use prost::bytes::{BufMut, Bytes, BytesMut};
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, HeaderValue, Request, Response};
use tonic::codegen::{BoxFuture, Service};
use tower::Layer;

/// What an answer consists of; it goes among the answer's extensions, and the answer itself is an empty stream.
#[derive(Clone, Debug)]
pub(super) struct Shared(pub(super) Bytes);

/// Sends what is shared.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendShared;

impl<S> Layer<S> for SendShared {
    type Service = Sending<S>;

    fn layer(&self, inner: S) -> Sending<S> {
        Sending { inner }
    }
}

/// A service whose shared answers are sent.
#[derive(Clone, Debug)]
pub(super) struct Sending<S> {
    inner: S,
}

impl<S, A> Service<Request<A>> for Sending<S>
where
    S: Service<Request<A>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Response<Body>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut answer = answer.await?;
            Ok(match answer.extensions_mut().remove() {
                Some(Shared(bytes)) => answer.map(|_| Body::new(SharedBody { rest: bytes, next: Next::Head })),
                None => answer,
            })
        })
    }
}

/// One message `ContextChunk` after the other, then that all went well.
#[derive(Debug)]
struct SharedBody {
    rest: Bytes,
    next: Next,
}

#[derive(Debug)]
enum Next {
    /// What stands before a chunk.
    Head,
    /// So much of the rest.
    Chunk(usize),
    Trailers,
    Nothing,
}

impl SharedBody {
    fn next(&mut self) -> Option<Frame<Bytes>> {
        match self.next {
            Next::Head => {
                let length = self.rest.len().min(MAX_CHUNK_BYTES);
                self.next = Next::Chunk(length);
                Some(Frame::data(head(length)))
            }
            Next::Chunk(length) => {
                let chunk = self.rest.split_to(length);
                self.next = if self.rest.is_empty() { Next::Trailers } else { Next::Head };
                Some(Frame::data(chunk))
            }
            Next::Trailers => {
                self.next = Next::Nothing;
                let status = [("grpc-status".parse().ok()?, HeaderValue::from_static("0"))];
                Some(Frame::trailers(status.into_iter().collect::<HeaderMap>()))
            }
            Next::Nothing => None,
        }
    }
}

/// The bytes of a message of gRPC, `ContextChunk`, before those of its one field.
fn head(length: usize) -> Bytes {
    const UNCOMPRESSED: u8 = 0;
    /// Field 1, of bytes.
    const DATA: u8 = 1 << 3 | 2;
    let field = 1 + prost::length_delimiter_len(length);
    let mut head = BytesMut::with_capacity(5 + field);
    head.put_u8(UNCOMPRESSED);
    head.put_u32(u32::try_from(field + length).expect("a chunk is small"));
    head.put_u8(DATA);
    prost::encode_length_delimiter(length, &mut head).expect("there is room");
    head.freeze()
}

impl http_body::Body for SharedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().next().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.next, Next::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_proto::chunk::{Joiner, MAX_TOTAL_BYTES};
    use patchsweep_proto::v1::ContextChunk;
    use prost::Message;

    use super::*;

    /// The messages of a body, and whether it ended well.
    fn messages(bytes: &Bytes) -> (Vec<ContextChunk>, bool) {
        let mut body = SharedBody { rest: bytes.clone(), next: Next::Head };
        let (mut data, mut ended_well) = (Vec::new(), false);
        while let Some(frame) = body.next() {
            match frame.into_data() {
                Ok(part) => data.extend_from_slice(&part),
                Err(frame) => ended_well = frame.trailers_ref().is_some_and(|trailers| trailers["grpc-status"] == "0"),
            }
        }
        let (mut messages, mut rest) = (Vec::new(), data.as_slice());
        while let Some((head, behind)) = rest.split_at_checked(5) {
            assert_eq!(head[0], 0, "not compressed");
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            messages.push(ContextChunk::decode(&behind[..length]).expect("a message"));
            rest = &behind[length..];
        }
        assert!(rest.is_empty());
        (messages, ended_well)
    }

    #[test]
    fn a_body_is_the_messages_that_tonic_would_send() {
        for length in [0, 1, 127, 128, MAX_CHUNK_BYTES - 1, MAX_CHUNK_BYTES, 2 * MAX_CHUNK_BYTES + 7] {
            let bytes: Bytes = (0..=250).cycle().take(length).collect();
            let (messages, ended_well) = messages(&bytes);
            assert!(ended_well && messages.len() == length.div_ceil(MAX_CHUNK_BYTES).max(1), "{length}");
            let mut joiner = Joiner::new(MAX_TOTAL_BYTES);
            for message in messages {
                joiner.push(&message.data).expect("small");
            }
            assert!(joiner.finish() == bytes, "{length}");
        }
    }

    #[test]
    fn chunks_are_slices_of_what_is_shared() {
        let bytes: Bytes = vec![7; 3 * MAX_CHUNK_BYTES].into();
        let mut body = SharedBody { rest: bytes.clone(), next: Next::Head };
        let mut seen = 0;
        while let Some(frame) = body.next() {
            if let Ok(part) = frame.into_data()
                && part.len() == MAX_CHUNK_BYTES
            {
                assert_eq!(part.as_ptr(), bytes[seen..].as_ptr(), "nothing is copied");
                seen += part.len();
            }
        }
        assert_eq!(seen, bytes.len());
    }
}
