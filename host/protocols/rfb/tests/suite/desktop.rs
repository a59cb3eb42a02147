//! A real desktop: Xvnc on a unix socket, and programs on it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

const INSTALL: &str = "apt-get install -y --no-install-recommends tigervnc-standalone-server xterm xclip";

/// The password of [`Desktop`].
pub const PASSWORD: &[u8] = b"password";

/// "password" as a VNC password file holds it.
const PASSWORD_FILE: [u8; 8] = [0xDB, 0xD8, 0x3C, 0xFD, 0x72, 0x7A, 0x14, 0x58];

/// Xvnc and the programs on it; all end with it.
pub struct Desktop {
    /// In the order they are to end: programs before their server.
    programs: Vec<Child>,
    xvnc: Child,
    display: String,
    folder: TempDir,
}

impl Desktop {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD_FILE).unwrap();
        std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
        let mut command = Command::new("Xvnc");
        command
            .args(["-displayfd", "1", "-rfbport", "-1", "-rfbunixpath"])
            .arg(folder.path().join("vnc.sock"));
        command.args(["-SecurityTypes", "VncAuth", "-PasswordFile"]).arg(&password);
        command.args([
            "-geometry",
            "640x480",
            "-depth",
            "24",
            "-nolisten",
            "tcp",
            "-MaxCutText",
            "8388608",
            "-desktop",
            "theirs",
        ]);
        let mut xvnc = spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut number = String::new();
        BufReader::new(xvnc.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let display = format!(":{}", number.trim());
        Self {
            programs: Vec::new(),
            xvnc,
            display,
            folder,
        }
    }

    pub fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("vnc.sock")).unwrap()
    }

    /// A file whose presence programs can ask for.
    pub fn flag(&self) -> PathBuf {
        self.folder.path().join("flag")
    }

    /// A terminal that runs `script`, with the flag's path in `$FLAG`.
    pub fn terminal(&mut self, script: &str) {
        let mut command = Command::new("xterm");
        command.args([
            "-geometry",
            "78x30+10+10",
            "-xrm",
            "XTerm*jumpScroll: false",
            "-e",
            "sh",
            "-c",
            script,
        ]);
        let flag = self.flag();
        self.run(command.env("FLAG", flag).stderr(Stdio::null()));
    }

    fn run(&mut self, command: &mut Command) -> &mut Child {
        let child = spawn(command.env("DISPLAY", &self.display));
        self.programs.push(child);
        self.programs.last_mut().unwrap()
    }

    /// A program inside copies `text`, and serves it until something else is copied.
    pub fn copy(&mut self, text: &str) {
        let mut command = Command::new("xclip");
        command
            .args(["-quiet", "-selection", "clipboard", "-in"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null());
        let child = self.run(&mut command);
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// A program inside pastes: gives its process, whose output is the text.
    pub fn paste(&self) -> Child {
        let mut command = Command::new("xclip");
        command
            .args(["-selection", "clipboard", "-target", "UTF8_STRING", "-out"])
            .env("DISPLAY", &self.display);
        spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.programs.iter_mut().chain([&mut self.xvnc]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(command: &mut Command) -> Child {
    let name = command.get_program().to_owned();
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{} did not start ({error}); install it: {INSTALL}", name.display()))
}
