DROP TABLE picture_findings;
