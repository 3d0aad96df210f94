select
    'household_review' as dataset,
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_household_review') }} as staged
left join {{ ref('int_household__classified') }} as counted using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'household_member',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_household_member') }} as staged
left join {{ ref('int_member__person') }} as counted using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'commune_profile',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_commune_profile') }} as staged
left join {{ ref('int_commune__profile') }} as counted using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'poor_movement',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_poor_movement') }} as staged
left join {{ ref('int_movement__form') }} as counted using (submission_id, sheet_name, row_number)
where counted.submission_id is null
union all
select
    'near_poor_movement',
    staged.submission_id,
    staged.sheet_name,
    staged.row_number
from {{ ref('stg_near_poor_movement') }} as staged
left join {{ ref('int_movement__form') }} as counted using (submission_id, sheet_name, row_number)
where counted.submission_id is null
