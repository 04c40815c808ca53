!Gk«њ
Э’S€14QиШzфELоЛ‘AUЎGWИ$WHmА–РD°R2H&uж5ЧЫ6вМJЈVL