//! Where the bytes of a weight file come from.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use crate::{Error, Header};

/// Something that serves ranges of a file: the file itself, or a part of it that was fetched.
///
/// Every `Read + Seek` is one.
pub trait ByteSource {
    /// Size of the whole file in bytes.
    ///
    /// # Errors
    /// Those of the operating system.
    fn size(&mut self) -> io::Result<u64>;

    /// Reads bytes that begin at `offset`, at most as many as `buffer` holds, and gives their number:
    /// 0 only at the end of the file.
    ///
    /// # Errors
    /// Those of the operating system; [`io::ErrorKind::WouldBlock`] when the bytes are not there yet.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl<T: Read + Seek> ByteSource for T {
    fn size(&mut self) -> io::Result<u64> {
        self.seek(SeekFrom::End(0))
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.seek(SeekFrom::Start(offset))?;
        loop {
            match self.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

/// Fewest bytes that are asked for at once: what a request costs anyway.
const MIN_PIECE: u64 = 64 * 1024;
/// Most bytes that are asked for at once.
const MAX_PIECE: u64 = 8 * 1024 * 1024;
/// Most places of a file that are looked at before it is given up: a header lies in few.
const MAX_PIECES: usize = 4096;

/// What to do next for the header of a file that lies elsewhere.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// The header is complete.
    Done(Box<Header>),
    /// These bytes of the file are needed: [insert](Pieces::insert) them, then ask again.
    Fetch(Range<u64>),
}

/// The pieces of a file that are here.
///
/// Nothing is fetched by this type: [`Self::step`] says which bytes come next, so that any transport
/// can bring them. Each answer is at least 64 KiB where the file has as many, and grows while the
/// header goes on.
///
/// ```
/// use modelpack_formats::{Pieces, Step};
///
/// let json = br#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
/// let file = [&(json.len() as u64).to_le_bytes(), &json[..], b"x"].concat();
/// let mut pieces = Pieces::new(file.len() as u64);
/// let header = loop {
///     match pieces.step()? {
///         Step::Done(header) => break header,
///         Step::Fetch(range) => {
///             let bytes = &file[range.start as usize..range.end as usize];
///             pieces.insert(range.start, bytes);
///         }
///         _ => unreachable!("there are two steps"),
///     }
/// };
/// assert_eq!(header.tensors[0].name, "w");
/// # Ok::<(), modelpack_formats::Error>(())
/// ```
#[derive(Clone)]
pub struct Pieces {
    size: u64,
    /// By offset; pieces that touch are one.
    pieces: BTreeMap<u64, Vec<u8>>,
    missing: Option<u64>,
}

impl Pieces {
    /// Nothing yet of a file of `size` bytes.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            pieces: BTreeMap::new(),
            missing: None,
        }
    }

    /// Adds bytes that begin at `offset` of the file. Bytes that were there before stay.
    pub fn insert(&mut self, offset: u64, bytes: &[u8]) {
        let before = self
            .pieces
            .range_mut(..=offset)
            .next_back()
            .filter(|(start, piece)| *start + piece.len() as u64 >= offset);
        match before {
            Some((start, piece)) => {
                let known = usize::try_from(*start + piece.len() as u64 - offset);
                piece.extend(
                    known
                        .ok()
                        .and_then(|known| bytes.get(known..))
                        .unwrap_or(&[]),
                );
            }
            None => {
                self.pieces.insert(offset, bytes.to_vec());
            }
        }
    }

    /// Number of bytes that are here.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pieces.values().map(|piece| piece.len() as u64).sum()
    }

    /// Reads the header as far as it is here.
    ///
    /// # Errors
    /// Those of [`read`](crate::read), and [`Error::TooScattered`].
    pub fn step(&mut self) -> Result<Step, Error> {
        self.missing = None;
        let outcome = crate::read(self);
        let Some(offset) = self.missing.take() else {
            return Ok(Step::Done(Box::new(outcome?)));
        };
        if self.pieces.len() >= MAX_PIECES {
            return Err(Error::TooScattered { pieces: MAX_PIECES });
        }
        // What continues a piece is probably long; what begins elsewhere may be short.
        let run = self
            .pieces
            .range(..offset)
            .next_back()
            .filter(|(start, piece)| *start + piece.len() as u64 == offset)
            .map_or(0, |(_, piece)| piece.len() as u64);
        let end = offset.saturating_add(run.clamp(MIN_PIECE, MAX_PIECE));
        Ok(Step::Fetch(offset..end.min(self.size)))
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces")
            .field("size", &self.size)
            .field("pieces", &self.pieces.len())
            .finish_non_exhaustive()
    }
}

impl ByteSource for Pieces {
    fn size(&mut self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let rest = self.pieces.range(..=offset).next_back();
        let rest = rest.and_then(|(start, piece)| {
            let at = usize::try_from(offset - start).ok()?;
            piece.get(at..).filter(|rest| !rest.is_empty())
        });
        match rest {
            Some(rest) => {
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                Ok(length)
            }
            None => {
                self.missing = Some(offset);
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }
}

/// A file inside another one.
pub(crate) struct Within<'a> {
    pub(crate) source: &'a mut dyn ByteSource,
    pub(crate) start: u64,
    pub(crate) size: u64,
}

impl ByteSource for Within<'_> {
    fn size(&mut self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        self.source
            .read_at(self.start.saturating_add(offset), &mut buffer[..length])
    }
}
