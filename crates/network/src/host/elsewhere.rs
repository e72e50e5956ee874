//! The machine from elsewhere: from a network namespace, or from a container.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use rustix::thread::LinkNameSpaceType;

use super::{Host, file_error};
use crate::{Error, Result};

impl Host {
    /// The machine as the network namespace `name` (of `ip netns`) sees it. The calling thread enters it for good.
    ///
    /// # Errors
    /// [`Error::File`] when there is no such namespace, [`Error::Privilege`] when it may not be entered.
    pub fn netns(name: &str) -> Result<Self> {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Err(Error::Usage(format!(
                "`{name}` is not the name of a network namespace"
            )));
        }
        let path = PathBuf::from(format!("/run/netns/{name}"));
        let file = fs::File::open(&path).map_err(|source| file_error("opening", &path, source))?;
        let denied = |source: rustix::io::Errno| match source {
            rustix::io::Errno::PERM | rustix::io::Errno::ACCESS => Error::Privilege {
                what: format!("entering the network namespace {name}"),
                needs: "CAP_SYS_ADMIN",
                hint: "run it as root".into(),
            },
            other => file_error("entering", &path, other.into()),
        };
        rustix::thread::move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&file),
            Some(LinkNameSpaceType::Network),
        )
        .map_err(denied)?;
        // `/sys/class/net` belongs to the namespace in which it was mounted: this one has a mount of its own, which
        // nobody else sees.
        let sysfs = rustix::mount::fsopen("sysfs", FsOpenFlags::FSOPEN_CLOEXEC)
            .and_then(|context| {
                rustix::mount::fsconfig_create(&context)?;
                rustix::mount::fsmount(
                    &context,
                    FsMountFlags::FSMOUNT_CLOEXEC,
                    MountAttrFlags::empty(),
                )
            })
            .map_err(denied)?;
        Ok(Self {
            sys: Some(PathBuf::from(format!(
                "/proc/self/fd/{}",
                sysfs.as_raw_fd()
            ))),
            netns: Some(name.into()),
            _sysfs: Some(sysfs),
            ..Self::node()
        })
    }

    /// The machine as [`Host::node`] sees it, from a container whose own files of the kernel can only be read: the node's
    /// are mounted below `dir`.
    ///
    /// # Errors
    /// [`Error::Usage`] when they are not.
    pub fn container_with(dir: &Path) -> Result<Self> {
        for part in ["proc/sys", "proc/irq", "sys"] {
            let place = dir.join(part);
            if !place.is_dir() {
                return Err(Error::Usage(format!(
                    "--kernel-files: there is no {}; mount the node's /{part} there, see docs/network.md",
                    place.display()
                )));
            }
        }
        Ok(Self {
            kernel: Some(dir.to_path_buf()),
            container: true,
            ..Self::node()
        })
    }

    /// The same machine, where the variables of our process say that it is a container: Kubernetes leaves no file that
    /// tells.
    #[must_use]
    pub fn with_variables(mut self, env: &BTreeMap<String, String>) -> Self {
        self.container |= env.contains_key("KUBERNETES_SERVICE_HOST");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_writes_the_files_of_the_node_and_looks_at_its_own_network() {
        let dir = tempfile::tempdir().unwrap();
        let refused = Host::container_with(dir.path()).unwrap_err();
        assert!(refused.to_string().contains("/proc/sys"), "{refused}");
        for part in ["proc/sys", "proc/irq", "sys"] {
            fs::create_dir_all(dir.path().join(part)).unwrap();
        }
        let host = Host::container_with(dir.path()).unwrap();
        assert!(host.is_container() && host.is_real());
        for path in [
            "/proc/sys/net/core/rmem_max",
            "/proc/irq/38/smp_affinity_list",
            "/sys/class/net",
        ] {
            assert_eq!(host.at(path), dir.path().join(&path[1..]));
        }
        let network = Path::new("/proc/thread-self/net/dev");
        assert_eq!(host.at("/proc/net/dev"), network);
        assert_eq!(host.at("/proc/stat"), Path::new("/proc/stat"));
    }

    #[test]
    fn a_pod_is_known_by_its_variables() {
        let root = tempfile::tempdir().unwrap();
        let host = |name: &str| {
            let env = BTreeMap::from([(name.to_owned(), "10.0.0.1".to_owned())]);
            Host::below(root.path()).with_variables(&env)
        };
        assert!(host("KUBERNETES_SERVICE_HOST").is_container());
        assert!(!host("HOST").is_container());
    }
}
