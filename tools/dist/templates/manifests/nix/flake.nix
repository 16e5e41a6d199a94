{
  description = "<<.Summary>>";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs = { self, nixpkgs }:
    let
      archives = {
<<- range .Archives>><<if .Nix>>
        <<.Nix>> = {
          url = "<<.URL>>";
          hash = "<<.SRI>>";
        };
<<- end>><<end>>
      };
    in {
      packages = builtins.mapAttrs (system: archive:
        let pkgs = nixpkgs.legacyPackages.${system};
        in {
          default = pkgs.stdenvNoCC.mkDerivation {
            pname = "minsize";
            version = "<<.Version>>";
            src = pkgs.fetchurl archive;
            nativeBuildInputs = [ pkgs.installShellFiles ];
            dontStrip = true;
            installPhase = ''
              install -Dm755 minsize $out/bin/minsize
<<- range .Names>>
              ln -s minsize $out/bin/<<.>>
<<- end>>
              installManPage man/man1/*.1
              installShellCompletion --bash completions/minsize.bash --fish completions/minsize.fish --zsh completions/_minsize
              install -Dm644 -t $out/share/doc/minsize LICENSE THIRD-PARTY.txt
            '';
            meta = {
              description = "<<.Summary>>";
              homepage = "<<.Home>>";
              license = pkgs.lib.licenses.mit;
              mainProgram = "minsize";
            };
          };
        }) archives;
    };
}
