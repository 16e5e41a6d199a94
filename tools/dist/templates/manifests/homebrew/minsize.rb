<<- if or (system "darwin") (system "linux") ->>
class Minsize < Formula
  desc "Smallest program that still does the job, and why each byte is there"
  homepage "<<.Home>>"
  version "<<.Version>>"
  license "MIT"
<<range $os := .Archives>><<if ne .OS "windows">><<if ne .Arch "riscv64">>
  if OS.<<if eq .OS "darwin">>mac<<else>>linux<<end>>? && Hardware::CPU.<<if eq .Arch "arm64">>arm<<else>>intel<<end>>?
    url "<<.URL>>"
    sha256 "<<.SHA256>>"
  end
<<end>><<end>><<end>>
  def install
    bin.install "minsize"
<<- range .Names>>
    bin.install_symlink "minsize" => "<<.>>"
<<- end>>
    man1.install Dir["man/man1/*.1"]
    bash_completion.install "completions/minsize.bash" => "minsize"
    zsh_completion.install "completions/_minsize"
    fish_completion.install "completions/minsize.fish"
    doc.install "THIRD-PARTY.txt"
  end

  test do
    assert_match "in the file", shell_output("#{bin}/minsize size #{bin}/minsize")
  end
end
<<end ->>
