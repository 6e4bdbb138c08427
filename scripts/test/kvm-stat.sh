#!/bin/bash
# kvm-stat.sh: make what boot.sh boots as "kvm-stat": L1 with the kernel's own tool kvm_stat, and
# the parts of Python that this needs.
. "$(dirname "$0")/lib.sh"

kvm_stat=$tree/tools/kvm/kvm_stat/kvm_stat
python=$(realpath /usr/bin/python3)
more=$build/kvm-stat

# List the files of all modules that kvm_stat imports.
modules()
{
	"$python" -I -S - "$kvm_stat" <<-'END'
		import runpy, sys
		runpy.run_path(sys.argv[1])
		files = (getattr(m, "__file__", None) for m in list(sys.modules.values()))
		print(*{f for f in files if f and f.startswith("/usr/lib/")}, sep="\n")
	END
}

rm -rf "$more"
mkdir -p "$more/usr/bin"
cp "$kvm_stat" "$more/usr/bin/"
modules >"$more.files"
grep '\.so$' "$more.files" | xargs ldd | awk '$2 == "=>" { print $3 }' | sort -u >"$more.libraries"
cat "$more.files" "$more.libraries" | while read -r file; do
	mkdir -p "$more${file%/*}"
	cp -L "$file" "$more$file"
done
cp "$python" "$more/usr/bin/python3"

MORE=$more "$top/scripts/lab/initramfs.sh" kvm-stat kernel none "$python"
