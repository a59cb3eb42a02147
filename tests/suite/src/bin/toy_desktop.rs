//! What a workspace of the toy engine runs, in the session's folder and as the owner of that: a desktop of one black pixel
//! at `vnc.sock`, as RFC 6143 section 7 has it. It asks for a password and takes any.
#![forbid(unsafe_code)]

use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::fs::{Gid, Uid};

const VNC_AUTHENTICATION: u8 = 2;
const NAME: &[u8] = b"toy desktop";

fn main() -> anyhow::Result<()> {
    let owner = std::fs::metadata(".")?;
    // There is one thread so far, and those to come inherit from it.
    rustix::thread::set_thread_gid(Gid::from_raw(owner.gid()))?;
    rustix::thread::set_thread_uid(Uid::from_raw(owner.uid()))?;
    let listener = UnixListener::bind("vnc.sock")?;
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || drop(serve(stream)));
    }
    Ok(())
}

fn serve(mut stream: UnixStream) -> std::io::Result<()> {
    stream.write_all(b"RFB 003.008\n")?;
    stream.read_exact(&mut [0; 12])?;
    stream.write_all(&[1, VNC_AUTHENTICATION])?;
    stream.read_exact(&mut [0; 1])?;
    // Challenge, response, and that all is well.
    stream.write_all(&[7; 16])?;
    stream.read_exact(&mut [0; 16])?;
    stream.write_all(&[0; 4])?;
    // ClientInit; then ServerInit: a size of one by one, a pixel format of 32 bits, the name.
    stream.read_exact(&mut [0; 1])?;
    let mut init = vec![0, 1, 0, 1, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
    init.extend_from_slice(&u32::try_from(NAME.len()).unwrap_or_default().to_be_bytes());
    init.extend_from_slice(NAME);
    stream.write_all(&init)?;
    // What the client says is heard and not answered.
    std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
}
