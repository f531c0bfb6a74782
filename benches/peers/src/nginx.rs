//! nginx as Debian ships it, as a reverse proxy of the same shape as a sidecar: fetched with apt if need be, configured well, and
//! run without privileges.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::{
    build,
    cores::Core,
    party::{Party, free_address},
};

/// Where a package of the distribution puts it.
const INSTALLED: &str = "/usr/sbin/nginx";

/// nginx in front of an upstream.
#[derive(Debug)]
pub(crate) struct Nginx {
    pub(crate) party: Party,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    pub(crate) fn start(upstream: SocketAddr) -> Nginx {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let configuration = folder.path().join("nginx.conf");
        fs::write(&configuration, configure(folder.path(), address, upstream)).unwrap();
        let log = folder.path().join("said");
        let mut command = Command::new(program());
        command.arg("-p").arg(folder.path()).arg("-c").arg(&configuration);
        // Before it has read where to log it would open the log of the installed one.
        command.args(["-e", "stderr"]);
        let party = Party::start("nginx", Core::Proxy, &mut command, log).wait_for(address, "/");
        Nginx { party, address, _folder: folder }
    }
}

/// One worker, as the sidecar has; connections kept on both sides and never used up; nothing logged. The rest is as it comes.
fn configure(folder: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    // Started by root, the worker becomes somebody else; started by anybody else, the line would be complained about.
    let user = if geteuid().is_root() { "user nobody nogroup;" } else { "" };
    let folder = folder.display();
    format!(
        r#"{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  client_body_temp_path {folder}/client_body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream app {{
    server {upstream};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"#
    )
}

/// The installed one, else one unpacked beside what cargo keeps.
fn program() -> PathBuf {
    let installed = PathBuf::from(INSTALLED);
    if installed.is_file() {
        return installed;
    }
    let cache = build::cache().join("nginx");
    let unpacked = cache.join(INSTALLED.trim_start_matches('/'));
    if !unpacked.is_file() {
        fetch(&cache);
    }
    let libraries = Command::new("ldd").arg(&unpacked).output().expect("ldd says which libraries are there");
    let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
    let missing: Vec<&str> = libraries.lines().filter(|line| line.contains("not found")).map(str::trim).collect();
    assert!(missing.is_empty(), "nginx needs libraries that are not installed ({missing:?}): apt-get install nginx");
    unpacked
}

/// Takes the package from wherever this machine's apt takes packages, and installs nothing.
fn fetch(cache: &Path) {
    fs::create_dir_all(cache).unwrap();
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(cache).output();
        let output =
            output.unwrap_or_else(|error| panic!("the comparison needs nginx from Debian; {program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {args:?} (has `apt-get update` ever run?):\n{said}");
    };
    run("apt-get", &["download", "nginx"]);
    let packages = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let package = packages.into_iter().find(|name| name.ends_with(".deb")).expect("apt-get has downloaded a package");
    run("dpkg-deb", &["--extract", &package, "."]);
}
