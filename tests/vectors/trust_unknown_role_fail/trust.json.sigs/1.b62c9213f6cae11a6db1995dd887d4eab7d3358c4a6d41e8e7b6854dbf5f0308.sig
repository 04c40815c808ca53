aãDh$øƒ
±gë™Ê:fRhœyÉ8hð¶BPL‹ÄÓ.:åÊ¿o›8`Ö`owHTŒ|W»PInÊh˜‰