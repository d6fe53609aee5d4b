# git daemon with one small repository.
git init -q -b main work && cd work
git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m one
cd .. && git clone -q --bare work work.git
exec git daemon --reuseaddr --export-all --base-path="$PWD"
