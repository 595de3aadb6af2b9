"""The files of a study, by name below its URL."""

DESIGN = "design.json"  # what decides the study, and the design check
MANIFEST = "manifest.json"  # written last
TRIALS = "trials/00000-of-00001.parquet"  # the key, with the next two
PICTURES = "pictures.parquet"
PARTICIPANTS = "participants.csv"
PACK = "pack"  # what participants may see
MTURK = "mturk"
ANSWERS = "answers.db"  # of the server
TOKEN = "admin.token"
