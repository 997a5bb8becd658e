//! Where LibreOffice lies, and the fonts that it may use.
//!
//! The fonts are a part of the result, so the office sees a fixed set: the system's DejaVu and
//! Liberation, and what setup keeps for the office alone. Fonts that someone installs
//! for pages change no deck, and the other way round.

use crate::config::{RenderError, io};
use crate::files;
use crate::python::home::Home;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What to type when there is none.
pub const HELP: &str =
    "visual-sdpo setup slide (as root), or: sudo apt-get install --no-install-recommends libreoffice-impress";
/// Where distributions and the makers' own packages put it.
const PROGRAMS: [&str; 4] = [
    "/usr/lib/libreoffice/program",
    "/usr/lib64/libreoffice/program",
    "/usr/local/lib/libreoffice/program",
    "/opt/libreoffice/program",
];
/// The libraries that hold LibreOfficeKit, one of which must be there.
const LIBRARIES: [&str; 2] = ["libmergedlo.so", "libsofficeapp.so"];
/// What it reads beside its program.
const SHARED: [&str; 8] = [
    "/var/lib/libreoffice",
    "/var/spool/libreoffice",
    "/usr/share/libreoffice",
    "/etc/libreoffice",
    "/usr/share/liblangtag",
    "/usr/share/libexttextcat",
    "/usr/share/libnumbertext",
    "/usr/share/hyphen",
];
/// The system's fonts that decks are drawn with.
const FONTS: [&str; 3] = [
    "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/truetype/liberation",
    "/usr/lib/libreoffice/share/fonts/truetype",
];
/// What the fixed set must hold, as beginnings of file names: Carlito and Caladea have the widths
/// of Calibri and Cambria, the last one has Chinese, Japanese and Korean.
const FAMILIES: [&str; 5] = ["DejaVuSans", "LiberationSans", "Carlito", "Caladea", "DroidSansFallback"];
/// Which font stands in for another one of the same widths, and which ones are generic.
const RULES: [&str; 4] = ["30-metric-aliases.conf", "45-latin.conf", "60-latin.conf", "65-nonlatin.conf"];

/// The office of this machine.
pub(crate) struct Install {
    /// The folder of its program.
    pub program: PathBuf,
    /// Folders of fonts, those that exist.
    pub fonts: Vec<PathBuf>,
}

impl Install {
    /// Searches for the program.
    pub fn find(home: &Home) -> Result<Self, RenderError> {
        let here = |folder: &&&str| LIBRARIES.iter().any(|name| Path::new(folder).join(name).is_file());
        let program = PROGRAMS.iter().find(here).ok_or_else(|| RenderError::Setup {
            what: format!("no LibreOffice found (searched in {})", PROGRAMS.join(", ")),
            help: HELP,
        })?;
        let fonts = FONTS.iter().map(PathBuf::from).chain([home.office_fonts.clone()]);
        Ok(Self { program: program.into(), fonts: fonts.filter(|folder| folder.is_dir()).collect() })
    }

    /// Folders that the office reads, beside those of every program.
    pub fn reads(&self) -> impl Iterator<Item = PathBuf> {
        let shared = SHARED.iter().map(PathBuf::from);
        shared.chain([self.program.clone()]).chain(self.fonts.iter().cloned())
    }

    /// Writes the configuration of the fonts, and their cache, into a folder; returns its path.
    pub fn configure_fonts(&self, folder: &Path) -> Result<PathBuf, RenderError> {
        let cache = folder.join("cache");
        std::fs::create_dir_all(&cache).map_err(io("create a folder for fonts"))?;
        let dirs: String = self.fonts.iter().map(|dir| format!("<dir>{}</dir>\n", dir.display())).collect();
        let rules = RULES.map(|rule| {
            format!("<include ignore_missing=\"yes\">/usr/share/fontconfig/conf.avail/{rule}</include>\n")
        });
        let text = format!(
            "<?xml version=\"1.0\"?>\n<fontconfig>\n{dirs}{}<cachedir>{}</cachedir>\n</fontconfig>\n",
            rules.concat(),
            cache.display()
        );
        let path = folder.join("fonts.conf");
        std::fs::write(&path, text).map_err(io("write the configuration of fonts"))?;
        // Without the cache every worker reads all fonts at its start, which is slower and no
        // failure.
        let mut command = Command::new("fc-cache");
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = quiet.env("FONTCONFIG_FILE", &path).status();
        Ok(path)
    }

    /// Families of [`FAMILIES`] without a file.
    pub fn missing_fonts(&self) -> Vec<&'static str> {
        let files = self.font_files();
        let here = |family: &str| files.iter().any(|file| file.contains(&format!("/{family}")));
        FAMILIES.into_iter().filter(|family| !here(family)).collect()
    }

    /// The font files with their sizes.
    pub fn font_files(&self) -> Vec<String> {
        files::below(&self.fonts)
    }
}
