-- What a server keeps with the store beside readings.
CREATE TABLE IF NOT EXISTS tidemark.documents (name text COLLATE "C" PRIMARY KEY, text text NOT NULL);
