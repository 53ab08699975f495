//! Reading a source from front to back, with jumps.

use crate::{ByteSource, Error};

/// Bytes that are read at once.
const WINDOW: usize = 64 * 1024;

/// A position in a source, and some bytes around it.
pub(crate) struct Window<'a> {
    source: &'a mut dyn ByteSource,
    format: &'static str,
    size: u64,
    position: u64,
    /// Offset of the first byte of `buffer`.
    start: u64,
    buffer: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(crate) fn new(source: &'a mut dyn ByteSource, format: &'static str) -> Result<Self, Error> {
        let size = source.size().map_err(Error::Io)?;
        Ok(Self {
            source,
            format,
            size,
            position: 0,
            start: 0,
            buffer: Vec::new(),
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn source(&mut self) -> &mut dyn ByteSource {
        self.source
    }

    /// Jumps; a position after the end shows at the next read.
    pub(crate) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// Passes over bytes without reading them; they must be there.
    pub(crate) fn skip(&mut self, length: u64) -> Result<(), Error> {
        let end = self.position.checked_add(length);
        match end.filter(|end| *end <= self.size) {
            Some(end) => {
                self.position = end;
                Ok(())
            }
            None => Err(self.truncated()),
        }
    }

    pub(crate) fn read_exact(&mut self, mut target: &mut [u8]) -> Result<(), Error> {
        while !target.is_empty() {
            let available = self.available()?;
            let length = available.len().min(target.len());
            target[..length].copy_from_slice(&available[..length]);
            target = &mut target[length..];
            self.position += length as u64;
        }
        Ok(())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads `length` bytes; the caller has checked the length against a limit. Memory is taken only
    /// for bytes that are there.
    pub(crate) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Error> {
        let end = self.position.checked_add(length);
        let length = usize::try_from(length).ok();
        let (Some(_), Some(length)) = (end.filter(|end| *end <= self.size), length) else {
            return Err(self.truncated());
        };
        let mut bytes = vec![0; length];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn truncated(&self) -> Error {
        Error::Truncated {
            format: self.format,
        }
    }

    /// At least one byte from the position on.
    fn available(&mut self) -> Result<&[u8], Error> {
        let inside = self
            .position
            .checked_sub(self.start)
            .and_then(|at| usize::try_from(at).ok())
            .filter(|at| *at < self.buffer.len());
        let at = match inside {
            Some(at) => at,
            None => {
                let left = self.size.saturating_sub(self.position);
                let length = usize::try_from(left).unwrap_or(WINDOW).min(WINDOW);
                self.buffer.resize(length, 0);
                let read = if length == 0 {
                    0
                } else {
                    self.source
                        .read_at(self.position, &mut self.buffer)
                        .inspect_err(|_| self.buffer.clear())
                        .map_err(Error::Io)?
                };
                self.buffer.truncate(read);
                self.start = self.position;
                0
            }
        };
        if self.buffer.is_empty() {
            return Err(self.truncated());
        }
        Ok(&self.buffer[at..])
    }
}
