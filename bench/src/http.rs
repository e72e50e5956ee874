//! As little HTTP/1.1 as a load generator needs (RFC 9112): the load shares its machine with what it measures.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

/// No answer here is larger.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(2_048),
        })
    }

    /// Sends a whole request; the answer's status and where its body is in [`Self::body`].
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<(u16, usize), Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut whole = None;
        loop {
            if whole.is_none() {
                whole = head(&self.buffer)?;
            }
            if let Some((status, start, end)) = whole
                && self.buffer.len() >= end
            {
                return Ok((status, start));
            }
            if self.buffer.len() > ANSWER_BYTES_MAX {
                return Err("an answer has no end".into());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
    }

    pub(crate) fn body(&self, start: usize) -> &[u8] {
        &self.buffer[start..]
    }

    pub(crate) async fn get(
        &mut self,
        path: &str,
        token: Option<&str>,
    ) -> Result<(u16, Vec<u8>), Failure> {
        let request = request("GET", path, token, "");
        let (status, start) = self.exchange(request.as_bytes()).await?;
        Ok((status, self.body(start).to_vec()))
    }

    /// Gives up the connection to whoever speaks another protocol from here on.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// A request with a JSON body, or without one.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>, body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\n");
    if let Some(token) = token {
        text += &format!("authorization: Bearer {token}\r\n");
    }
    if !body.is_empty() {
        text += &format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
    }
    text + "\r\n" + body
}

/// Status, and where body and answer end, once the head is whole. Without a length there is no body.
fn head(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>, Failure> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.ok_or("an answer without a status")?.parse()?;
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    Ok(Some((status, end + 4, end + 4 + length)))
}

#[cfg(test)]
mod tests {
    use super::{head, request};

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(head(&answer[..30]).unwrap(), None);
        assert_eq!(head(answer).unwrap(), Some((201, 43, 45)));
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        let text = request("POST", "/x", Some("t"), "{}");
        assert!(text.contains("authorization: Bearer t\r\n"));
        assert!(text.ends_with("content-length: 2\r\n\r\n{}"));
    }
}
