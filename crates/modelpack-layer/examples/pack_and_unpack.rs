//! Packs two files into a layer and unpacks it again.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use modelpack_layer::{Destination, Expected, FileAttributes, LayerWriter, Limits};
use modelpack_spec::{Digest, Encoding, FilePath};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut writer = LayerWriter::new(Encoding::Tar, Vec::new())?;
    for (name, content) in [("config.json", "{}"), ("tokenizer/vocab.txt", "hello\n")] {
        let path = FilePath::parse(name)?;
        let size = content.len() as u64;
        writer.append(
            &path,
            &FileAttributes::default(),
            size,
            &mut content.as_bytes(),
        )?;
    }
    let (packed, layer) = writer.finish()?;
    println!("packed {} bytes, {}", packed.unpacked_size, packed.diff_id);

    // What the descriptor of the layer would say.
    let expected = Expected {
        digest: Digest::sha256(&layer),
        size: layer.len() as u64,
    };
    let directory = tempfile::tempdir()?;
    let destination = Destination::open(directory.path())?;
    for file in
        destination.unpack_tar(Encoding::Tar, &mut &*layer, &expected, &Limits::default())?
    {
        println!("unpacked {}, {} bytes", file.path, file.size);
    }
    Ok(())
}
